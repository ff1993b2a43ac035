export { renderReport } from "./page.js";
export { parseRunRecord, RecordError } from "./record/parse-record.js";
export {
  type ReportBlock,
  type ReportPicture,
  type ReportRecord,
  type ReportSite,
  recordVersion,
  runRecordSchema,
} from "./record/schema.js";
