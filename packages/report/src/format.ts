/** U+2212, which is as wide as digits. */
const minus = "\u2212";
const withMinus = (text: string): string => text.replace(/^-/, minus);
const groups = (text: string): string => text.replaceAll(/\B(?=(\d{3})+$)/g, "\u202f");

export const fixed = (value: number, digits: number): string => withMinus(value.toFixed(digits));
export const percent = (share: number, digits = 0): string => `${fixed(100 * share, digits)}\u202f%`;
/** Whole numbers in groups of three. */
export const whole = (value: number): string => withMinus(groups(String(Math.round(value))));

/** Three significant digits; powers of ten as such, `1.2·10⁻⁵`. */
export function figure(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 0.001 && size < 100_000) {
    const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
    return digits === 0 ? whole(value) : fixed(value, digits);
  }
  const [mantissa, exponent] = value.toExponential(1).split("e") as [string, string];
  return `${withMinus(mantissa)}\u00b710${superscript(String(Number(exponent)))}`;
}

/** 10 to a power that is rounded to a whole number. */
export const powerOfTen = (log: number): string => `10${superscript(String(Math.round(log)))}`;

const superscript = (digits: string): string =>
  digits.replaceAll(/[-\d]/g, (digit) =>
    digit === "-" ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[Number(digit)]!,
  );

/** `48 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${fixed(seconds, 1)} s`;
  const total = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`;
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** power;
  return `${scaled < 10 && power > 0 ? fixed(scaled, 1) : whole(scaled)} ${units[power]}`;
}

/** A command's arguments as a POSIX shell takes them. */
export const shell = (argument: string): string =>
  /^[\w./:=,@%+-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;

/** `qProj` as papers write it, `q`; other roles as they are. */
export const siteName = (role: string): string => role.replace(/Proj$/, "");
