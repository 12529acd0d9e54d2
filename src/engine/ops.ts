export { gelu, leakyRelu, quickGelu, relu, relu6, silu } from './ops/activation.js'
export { expand, reduceSum, reshape, type ReduceOptions } from './ops/broadcasting.js'
export { conv2d, type ConvOptions } from './ops/convolution.js'
export {
  abs,
  add,
  asin,
  cast,
  clip,
  cos,
  div,
  erf,
  exp,
  floor,
  log,
  maximum,
  minimum,
  mul,
  neg,
  ONNX_TYPES,
  type Operand,
  reciprocal,
  sigmoid,
  sin,
  sqrt,
  square,
  step,
  stopGradient,
  sub,
  tanh,
} from './ops/elementwise.js'
export { gemm, type GemmOptions, matmul, swapLast } from './ops/linear.js'
export {
  channelVariance,
  instanceNorm,
  layerNorm,
  logSumExp,
  normalizeLength,
  type NormalizeOptions,
  normalizeRows,
  softmax,
} from './ops/normalization.js'
export { maxPool2 } from './ops/pooling.js'
export { meanSquaredError, reduceMax, reduceMean, reduceMin } from './ops/reduce.js'
export {
  concat,
  dilate,
  flip,
  gather,
  pad,
  type PadMode,
  scatterAdd,
  slice,
  type SliceOptions,
  take,
  transpose,
} from './ops/shape.js'
export { gridCoverage, gridSample, resampleSeparable, upsample2x, warp } from './ops/resampling.js'
export { sampleBilinear } from './ops/sampling.js'
