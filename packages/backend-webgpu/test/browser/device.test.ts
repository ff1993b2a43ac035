// What holds on a device in Node holds in a page.
import "../errors.test.js";
import "../pool.test.js";
import "../profile.test.js";
import "../windows.test.js";
