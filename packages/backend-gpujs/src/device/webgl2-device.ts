import { OutOfMemoryError } from "@denoise-rotator/core";
import { DeviceLostError, KernelError, ModeUnavailableError } from "../errors.js";
import type { DeviceHandle, Library, LibraryKernel } from "../library/library.js";
import { fillSource } from "../sources/place.js";
import type { Device, DeviceArray } from "./device.js";
import { KernelCache } from "./kernel-cache.js";

/** gpu.js's textures: a float per texel, laid out as near to a square as fits. */
interface GlTexture extends DeviceHandle {
  readonly texture: WebGLTexture;
  readonly size: Int32Array;
}
type GlTextureClass = new (settings: {
  texture: WebGLTexture;
  size: Int32Array;
  dimensions: readonly number[];
  output: readonly number[];
  context: WebGL2RenderingContext;
  internalFormat: number;
  textureFormat: number;
  kernel: LibraryKernel;
}) => GlTexture;

/** gpu.js's fragment shaders. Throws {@link ModeUnavailableError} without WebGL2 or float textures. */
export function openWebgl2(library: Library): Device {
  if (!library.WebGL2Kernel.isSupported) {
    throw new ModeUnavailableError(
      "webgl2",
      "there is no WebGL2 here; use a browser that has it, or ask for another mode",
    );
  }
  if (!library.WebGL2Kernel.features?.isFloatRead) {
    throw new ModeUnavailableError(
      "webgl2",
      "WebGL2 has no float textures here (EXT_color_buffer_float); ask for another mode",
    );
  }
  const kernels = new KernelCache(
    "webgl2",
    new library({ mode: "webgl2" }),
    library.WebGL2Kernel,
    "ArrayTexture(1)",
  );
  // Results have their class and context from a first kernel, which proves that this mode builds what it should.
  const first = kernels.get(fillSource, 1);
  (first(0, 0) as DeviceHandle).delete();
  kernels.assertBuilt(first, fillSource);
  const { kernel } = first;
  const gl = kernel.context as WebGL2RenderingContext;
  const TextureClass = kernel.texture!.constructor as GlTextureClass;
  const framebuffer = gl.createFramebuffer();
  const maxTextureSize = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
  const assertAlive = () => {
    if (gl.isContextLost()) throw new DeviceLostError("the WebGL2 context was lost");
  };

  const upload = (values: Float32Array): DeviceArray => {
    assertAlive();
    const size = library.utils.closestSquareDimensions(values.length);
    const [width, height] = size as unknown as [number, number];
    const texture = gl.createTexture()!;
    gl.activeTexture(gl.TEXTURE15);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, filter, gl.NEAREST);
    }
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.R32F, width, height);
    let texels = values;
    if (values.length < width * height) {
      texels = new Float32Array(width * height);
      texels.set(values);
    }
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RED, gl.FLOAT, texels);
    const { length } = values;
    const handle = new TextureClass({
      texture,
      size,
      dimensions: [length, 1, 1],
      output: [length],
      context: gl,
      internalFormat: gl.R32F,
      textureFormat: gl.RED,
      kernel,
    });
    return { length, handle };
  };

  const download = async ({ handle, length }: DeviceArray): Promise<Float32Array> => {
    assertAlive();
    const { texture, size } = handle as GlTexture;
    const [width, height] = size as unknown as [number, number];
    gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    // Only RGBA is promised of float textures; most drivers give the one channel that there is.
    const tight =
      gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_FORMAT) === gl.RED &&
      gl.getParameter(gl.IMPLEMENTATION_COLOR_READ_TYPE) === gl.FLOAT;
    const texels = new Float32Array(width * height * (tight ? 1 : 4));
    gl.readPixels(0, 0, width, height, tight ? gl.RED : gl.RGBA, gl.FLOAT, texels);
    return tight ? texels.slice(0, length) : Float32Array.from({ length }, (_, i) => texels[4 * i]!);
  };

  return {
    mode: "webgl2",
    maxLength: maxTextureSize ** 2,
    description: { maxTextureSize },
    upload,
    download,
    async run(source, args, length) {
      assertAlive();
      const shortcut = kernels.get(source, length);
      const values = Object.keys(source.arguments).map((name) => {
        const value = args[name]!;
        return typeof value === "number" ? value : value.handle;
      });
      const handle = shortcut(...values) as DeviceHandle;
      kernels.assertBuilt(shortcut, source);
      // The kernel keeps its last result until its output changes.
      shortcut.setOutput([1]);
      return { length, handle };
    },
    release: ({ handle }) => (handle as DeviceHandle).delete(),
    check() {
      assertAlive();
      const error = gl.getError();
      if (error === gl.NO_ERROR) return;
      if (error === gl.OUT_OF_MEMORY) {
        throw new OutOfMemoryError("gpujs: WebGL2 is out of memory; free tensors first");
      }
      throw new KernelError(`WebGL2 reported error 0x${error.toString(16)}`);
    },
    async dispose() {
      gl.deleteFramebuffer(framebuffer);
      await kernels.clear();
    },
  };
}
