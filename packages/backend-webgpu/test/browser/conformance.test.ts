// The testkit in a page.
import "../conformance.test.js";
