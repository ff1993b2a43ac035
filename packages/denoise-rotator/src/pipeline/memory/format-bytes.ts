import { OptionError } from "@denoise-rotator/core";

const units: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Bytes of `4GiB`, `500MB`, `1.5 GiB`, `4294967296`. Throws {@link OptionError}. */
export function parseBytes(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = units[(unit ?? "?").toUpperCase()];
  if (digits === undefined || factor === undefined) {
    throw new OptionError(`${text} is no number of bytes; write 4GiB, 500MB or the like`);
  }
  return Math.floor(Number(digits) * factor);
}

/** `4.0 GiB`, `120 MiB`. */
export function formatBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
