/** The bytes of a safetensors file with its header changed. */
export function editHeader(
  bytes: Buffer,
  edit: (header: Record<string, { data_offsets: number[]; dtype: string }>) => void,
) {
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
  edit(header);
  const json = Buffer.from(JSON.stringify(header).padEnd(length, " "));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([prefix, json, bytes.subarray(8 + length)]);
}
