import { f32, i32, v128 } from "../assembler/expressions.js";
import type { ModuleBuilder } from "../assembler/module-builder.js";

/**
 * `mirrorRows(matrix, row, first, rows)`: sets what lies left of the diagonal in rows `first` to `first + rows` of a
 * square of f32 to what lies above it. `first` is a multiple of 4, `row` in bytes.
 */
export function defineMirror(m: ModuleBuilder): void {
  m.define("mirrorRows", { matrix: "i32", row: "i32", first: "i32", rows: "i32" }, (f, p) => {
    const [from, to] = f.locals("i32", 2);
    const lines = f.locals("v128", 4);
    const mixed = f.locals("v128", 4);
    const source = (line: number) => (line === 0 ? from : i32.add(from, i32.mul(p.row, line)));
    const target = (line: number) => (line === 0 ? to : i32.add(to, i32.mul(p.row, line)));
    const start = () => {
      f.set(from, i32.add(p.matrix, i32.shl(p.first, 2)));
      f.set(to, i32.add(p.matrix, i32.mul(p.first, p.row)));
    };
    f.while(
      () => i32.geS(p.rows, 4),
      () => {
        start();
        f.repeat(i32.shrU(p.first, 2), () => {
          lines.forEach((line, index) => {
            f.set(line, v128.load(source(index)));
          });
          const [a, b, c, d] = lines;
          f.set(mixed[0], v128.shuffle32(a, b, [0, 4, 1, 5]));
          f.set(mixed[1], v128.shuffle32(c, d, [0, 4, 1, 5]));
          f.set(mixed[2], v128.shuffle32(a, b, [2, 6, 3, 7]));
          f.set(mixed[3], v128.shuffle32(c, d, [2, 6, 3, 7]));
          f.store(target(0), v128.shuffle32(mixed[0], mixed[1], [0, 1, 4, 5]));
          f.store(target(1), v128.shuffle32(mixed[0], mixed[1], [2, 3, 6, 7]));
          f.store(target(2), v128.shuffle32(mixed[2], mixed[3], [0, 1, 4, 5]));
          f.store(target(3), v128.shuffle32(mixed[2], mixed[3], [2, 3, 6, 7]));
          f.advance(from, i32.shl(p.row, 2));
          f.advance(to, 16);
        });
        for (let line = 1; line < 4; line++) {
          for (let column = 0; column < line; column++) {
            f.store(target(line), f32.load(source(column), 4 * line), 4 * column);
          }
        }
        f.advance(p.first, 4);
        f.advance(p.rows, -4);
      },
    );
    f.repeat(p.rows, () => {
      start();
      f.repeat(p.first, () => {
        f.store(to, f32.load(from));
        f.advance(from, p.row);
        f.advance(to, 4);
      });
      f.advance(p.first, 1);
    });
  });
}
