import { conformanceCases } from "@denoise-rotator/backend-testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeOnDevice } from "./adapter.js";
import { open } from "./open.js";

describeOnDevice("tridiagonalisation on the device", () => {
  let backend: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    backend = await open({ symmetricEigen: "device" });
  });
  afterAll(() => backend.dispose());

  const cases = conformanceCases({ runs: 30, subnormals: false });
  it("should pass the testkit also where the adapter would leave it to the host", async () => {
    const panel = cases.filter(({ name }) => name === "tridiagonalPanel");
    expect(panel.map((one) => one.skip(backend))).toEqual([undefined]);

    await panel[0]!.run(backend);
  });
});
