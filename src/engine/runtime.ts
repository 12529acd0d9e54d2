import type { InferenceSession, InferenceSessionFactory, Tensor } from 'onnxruntime-common'
import { Text2LiveError } from '../errors.js'
import { Graph, type Shape, type Value, sameShape, show, sizeOf } from './graph.js'
import { type OnnxModel, encodeModel } from './onnx.js'
import { add } from './ops/elementwise.js'
import { type Uploaded, downloadTensor, uploadTensors } from './transfer.js'

/** Where graphs run. */
export type Device = 'cpu' | 'webgpu' | 'cuda'

/** The parts of an ONNX Runtime package (`onnxruntime-node` or `onnxruntime-web`) that the engine uses. */
export interface OrtModule {
  readonly InferenceSession: InferenceSessionFactory
  readonly Tensor: typeof Tensor
}

/** Device and threads of a runtime. */
export interface RuntimeOptions {
  device: Device
  /** Threads inside one operator on the CPU. Default: ONNX Runtime's choice. The same count gives the same bits. */
  threads?: number
  /**
   * Let threads that wait for the others of an operator keep their core busy. Default false: alone that gains some
   * hundredths, and costs more beside other programs, which wait for those cores (bench/beside.mjs). The bits are the
   * same.
   */
  spinning?: boolean
  /**
   * Fail instead of running a node on the CPU when the device lacks its kernel. Default: on WebGPU, which has one for
   * all that we use; CUDA leaves some index arithmetic to the CPU by design.
   */
  strictDevice?: boolean
  /**
   * The package runs as machine code of the processor, as `onnxruntime-node` does, not as WebAssembly. Default false.
   */
  native?: boolean
}

export interface CompileOptions {
  /**
   * Outputs that stay on the device, to be fed to a next run without a copy; names that the graph lacks are passed
   * over. WebGPU only: `onnxruntime-node` knows no other device memory, and on CUDA outputs come back through the CPU.
   */
  keepOnDevice?: readonly string[]
  /**
   * Keep freed memory for the next tensor and the next run. Default true. Without, a run takes what it needs at its
   * fullest and gives all of it back, where the kept memory grows in powers of two; each large tensor then costs the
   * system's clearing of its pages.
   */
  keepMemory?: boolean
  /** Values of the graph that are fed by these names instead of being computed: their numbers are known already. */
  given?: Readonly<Record<string, Value>>
}

/**
 * What an input is fed: a tensor, or float32 numbers, row-major, that take the shape with which the graph declares the
 * input.
 */
export type Feed = Tensor | Float32Array

/** Numbers with a shape, row-major. */
export interface Rows {
  readonly shape: Shape
  readonly data: Float32Array | Int8Array
}

/** What a program is fed of them. */
export function tensorOf({ data, shape }: Rows, { Tensor }: Pick<Runtime, 'Tensor'>): Tensor {
  return data instanceof Int8Array ? new Tensor('int8', data, shape) : new Tensor('float32', data, shape)
}

/** A compiled graph. */
export interface Program {
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly nodeCount: number
  /** Memory that it takes between runs, an estimate. */
  readonly heldBytes: number
  /**
   * Runs the graph; the feeds hold every input by name. @throws GRAPH_INVALID for an input that is not fed,
   * SHAPE_MISMATCH
   */
  run(feeds: Readonly<Record<string, Feed>>): Promise<Record<string, Tensor>>
  /** Frees what it holds; it cannot run any more. */
  release(): Promise<void>
}

/** ONNX Runtime on one device. */
export interface Runtime {
  readonly device: Device
  /** See `RuntimeOptions.native`. */
  readonly native: boolean
  readonly Tensor: typeof Tensor
  /** Compiles what the outputs depend on, for the shapes that the graph has. @throws DEVICE_UNAVAILABLE */
  compile(graph: Graph, outputs: Readonly<Record<string, Value>>, options?: CompileOptions): Promise<Program>
  /**
   * Copies float32 tensors to the device once, so that feeding them in every run costs nothing. WebGPU only; elsewhere
   * they stay what they are.
   */
  upload(tensors: Readonly<Record<string, Tensor>>): Promise<Uploaded>
  /** A copy of the values of a float32 tensor, wherever it lies. */
  download(tensor: Tensor): Promise<Float32Array>
}

/** An ONNX Runtime bound to one device. A device that does not answer is an error with the reason, never a fallback. */
export function createRuntime(ort: OrtModule, options: RuntimeOptions): Runtime {
  let anchor: Promise<InferenceSession> | null = null
  const compile: Runtime['compile'] = async (graph, outputs, { keepOnDevice = [], keepMemory = true, given } = {}) => {
    if (options.device === 'webgpu') await (anchor ??= createAnchor(ort, options))
    const model = encodeModel(graph, outputs, given)
    const session = await createSession(
      ort,
      model.bytes,
      options,
      keepOnDevice.filter((name) => name in outputs),
      keepMemory,
    )
    return {
      inputs: model.inputs.map(({ name, value }) => ({ name, shape: value.shape })),
      nodeCount: model.nodeCount,
      heldBytes: heldBytes(model),
      run: (feeds) => runSession(ort, session, model.inputs, feeds),
      release: () => session.release(),
    }
  }
  return {
    device: options.device,
    native: options.native ?? false,
    Tensor: ort.Tensor,
    compile,
    upload: (tensors) =>
      options.device === 'webgpu'
        ? uploadTensors(compile, tensors)
        : Promise.resolve({ tensors, release: () => Promise.resolve() }),
    download: (tensor) =>
      tensor.location === 'gpu-buffer'
        ? downloadTensor(compile, tensor)
        : Promise.resolve((tensor.data as Float32Array).slice()),
  }
}

/**
 * ONNX Runtime's graph rewriters that find nothing in our graphs: they look for the patterns of exported models, and
 * each walks all of the thousands of nodes. Without them a session is made four times faster and runs as fast. What is
 * left does something here: constant folding, transposes folded into products, activations into convolutions, the CPU's
 * blocked layout.
 */
const IDLE_OPTIMIZERS = [
  'ConstantSharing',
  // This one would find what is computed again for the backward pass (`schedule.ts`), and undo it.
  'CommonSubexpressionElimination',
  'MatMulAddFusion',
  'ReshapeFusion',
  'QDQPropagationTransformer',
  'WeightBiasQuantization',
  'EnsureUniqueDQForNodeUnit',
  'DoubleQDQPairsRemover',
  'TransposeOptimizer',
  'Level2_RuleBasedTransformer',
  'GemmActivationFusion',
  'MatMulIntegerToFloatFusion',
  'DynamicQuantizeMatMulFusion',
  'ConvAddActivationFusion',
  'GeluFusionL1',
  'GeluFusionL2',
  'LayerNormFusionL1',
  'LayerNormFusion',
  'SimplifiedLayerNormFusion',
  'AttentionFusion',
  'EmbedLayerNormFusion',
  'GatherSliceToSplitFusion',
  'GatherToSliceFusion',
  'BiasGeluFusion',
  'GroupQueryAttentionFusion',
  'SkipLayerNormFusion',
  'BiasSkipLayerNormFusion',
  'FastGeluFusion',
  'QuickGeluFusion',
  'BiasSoftmaxFusion',
  'BiasDropoutFusion',
  'MatMulScaleFusion',
  'MatMulActivationFusion',
  'MatMulNBitsFusion',
  'QDQSelectorActionTransformer',
  'NhwcTransformer',
  'QDQFinalCleanupTransformer',
  'QDQS8ToU8Transformer',
  'IsInfReduceSumFusion',
  'PropagateCastOps',
  'MatMul_BatchNormalization_Fusion',
  'DQMatMulToMatMulNBits',
  'MatMulNBitsMlpFusion',
  'MatMulNBitsQkvFusion',
  'GroupQueryAttentionPreNormFusion',
  'PadFusion',
  'LabelEncoderFusion',
  'NotWhereFusion',
  'SliceConcatToSpaceToDepthFusion',
  // This one does find something: it joins a transposed factor's Transpose with the one before it, which is then too
  // late to fold it into the product, and moves Transposes behind Slices, which were to be of rows.
  'TransposeOptimizer_CPUExecutionProvider',
]

/**
 * A session of one node that stays: ONNX Runtime gives the WebGPU device up with its last session, and every shader
 * compiled for it, which a run between two graphs would pay for again.
 */
async function createAnchor(ort: OrtModule, options: RuntimeOptions): Promise<InferenceSession> {
  const graph = new Graph()
  return await createSession(ort, encodeModel(graph, { y: add(graph.input('x', [1]), 1) }).bytes, options, [])
}

async function createSession(
  ort: OrtModule,
  bytes: Uint8Array,
  options: RuntimeOptions,
  keepOnDevice: readonly string[],
  keepMemory = true,
): Promise<InferenceSession> {
  const { device, threads, spinning = false, strictDevice = device === 'webgpu' } = options
  const session = {
    'intra_op.allow_spinning': spinning ? '1' : '0',
    ...(strictDevice && device !== 'cpu' ? { disable_cpu_ep_fallback: '1' } : {}),
  }
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: [device],
      // The memory pattern reserves over a gigabyte for one step and gains no time.
      enableMemPattern: false,
      enableCpuMemArena: keepMemory,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
      extra: { optimization: { disable_specified_optimizers: IDLE_OPTIMIZERS.join(';') }, session },
      ...(device === 'webgpu' && keepOnDevice.length > 0
        ? { preferredOutputLocation: Object.fromEntries(keepOnDevice.map((name) => [name, 'gpu-buffer' as const])) }
        : {}),
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (device === 'cpu') {
      if (reason.includes('no available backend'))
        throw new Text2LiveError(
          'DEVICE_UNAVAILABLE',
          `ONNX Runtime did not load: ${reason}. In a browser, see that the page's files are all there and served as what they are.`,
          { cause },
        )
      throw new Text2LiveError('GRAPH_INVALID', `ONNX Runtime refused the graph: ${reason}`, { cause })
    }
    throw new Text2LiveError(
      'DEVICE_UNAVAILABLE',
      `The device "${device}" was asked for, and ONNX Runtime could not start on it: ${reason} Use --device cpu, or --device auto to take what is there.`,
      { cause },
    )
  }
}

/**
 * What ONNX Runtime holds of a graph: measured on the CPU 2 to 4 KB a node, and the constants as they come, as they are
 * kept and as some kernels lay them out anew. What a run needs is not in it: a step's programs give that back
 * (`keepMemory`).
 */
export function heldBytes({ bytes, nodeCount }: Pick<OnnxModel, 'bytes' | 'nodeCount'>): number {
  return 3 * bytes.length + 4096 * nodeCount
}

async function runSession(
  ort: OrtModule,
  session: InferenceSession,
  inputs: OnnxModel['inputs'],
  feeds: Readonly<Record<string, Feed>>,
): Promise<Record<string, Tensor>> {
  const used: Record<string, Tensor> = {}
  for (const { name, value } of inputs) {
    const fed = feeds[name]
    if (fed instanceof Float32Array && fed.length !== sizeOf(value.shape)) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `run: the input "${name}" expects shape ${show(value.shape)}, came ${fed.length} numbers`,
      )
    }
    const tensor = fed instanceof Float32Array ? new ort.Tensor('float32', fed, value.shape) : fed
    if (!tensor) throw new Text2LiveError('GRAPH_INVALID', `run: the input "${name}" ${show(value.shape)} was not fed`)
    if (!sameShape(tensor.dims, value.shape)) {
      throw new Text2LiveError(
        'SHAPE_MISMATCH',
        `run: the input "${name}" expects shape ${show(value.shape)}, came ${show(tensor.dims)}`,
      )
    }
    used[name] = tensor
  }
  return await session.run(used)
}
