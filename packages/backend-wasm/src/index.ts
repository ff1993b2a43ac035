export { type PackedProduct, type PackedShape, packedProducts } from "./measure/packed-products.js";
export { type WasmBackend, type WasmOptions, wasm } from "./wasm-backend.js";
