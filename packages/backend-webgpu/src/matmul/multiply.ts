/**
 * c{row}_{vector} += Σ over q of a{row}_{q} · b{q}_{vector}, each as one expression. In 16 bits the four products are
 * added up before they are widened.
 */
export function multiply(rows: number, vectors: number, f16: boolean): string {
  const statements: string[] = [];
  if (f16) {
    for (let q = 0; q < 4; q++) {
      for (let j = 0; j < vectors; j++) statements.push(`let h${q}_${j} = vec4<f16>(b${q}_${j});`);
    }
  }
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < vectors; j++) {
      let sum = f16 ? `vec4<f16>(f16(a${i}_0)) * h0_${j}` : `c${i}_${j}`;
      for (let q = f16 ? 1 : 0; q < 4; q++) {
        sum = f16
          ? `fma(vec4<f16>(f16(a${i}_${q})), h${q}_${j}, ${sum})`
          : `fma(vec4<f32>(a${i}_${q}), b${q}_${j}, ${sum})`;
      }
      statements.push(f16 ? `c${i}_${j} += vec4<f32>(${sum});` : `c${i}_${j} = ${sum};`);
    }
  }
  return statements.map((one) => `    ${one}`).join("\n");
}
