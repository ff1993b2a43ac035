import { createHash, type Hash } from "node:crypto";

/** The checksum by which the Hub names a file: SHA-256 of large files' contents, else git's SHA-1 of a blob. */
export type BlobEtag = string;

const sha256Form = /^[0-9a-f]{64}$/;
const gitForm = /^[0-9a-f]{40}$/;

export const isBlobEtag = (text: unknown): text is BlobEtag =>
  typeof text === "string" && (sha256Form.test(text) || gitForm.test(text));

/** The running checksum of a blob of `size` bytes, of the kind that `etag` is. */
export function blobHash(etag: BlobEtag, size: number): Hash {
  if (sha256Form.test(etag)) return createHash("sha256");
  return createHash("sha1").update(`blob ${size}\0`);
}
