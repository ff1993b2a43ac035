export { gitOid, type HubRepositoryFiles, sha256 } from "./repository.js";
export {
  type Fault,
  type HubServer,
  type HubServerOptions,
  type RequestRecord,
  serveHub,
} from "./serve-hub.js";
