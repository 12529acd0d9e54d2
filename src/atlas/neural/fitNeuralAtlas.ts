import type { Runtime } from '../../engine/runtime.js'
import { Text2LiveError } from '../../errors.js'
import { type SafetensorsTensor, float32Tensor } from '../../formats/safetensors.js'
import { toFloat32 } from '../../formats/toFloat32.js'
import { networkNames, splitWeights, weightCount } from './atlasNetworks.js'
import { NeuralAtlas } from './neuralAtlas.js'
import { NeuralFitter, type NeuralLosses, type NeuralVectors, neuralVectorNames } from './neuralFitter.js'
import { type NeuralSettings, publishedNeuralSettings } from './neuralSettings.js'
import type { FitInput } from './pointBatch.js'

/** A step that was done: `done` (from 1) of `total` of its stage. */
export interface NeuralAtlasProgress {
  readonly stage: 'pretraining' | 'fit'
  readonly done: number
  readonly total: number
  readonly losses: NeuralLosses
}

/**
 * What a fit continues from: after `step` steps, those of the pretraining counted first, its parameters and Adam's
 * state.
 */
export interface NeuralAtlasState {
  readonly step: number
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>
}

export interface FitNeuralAtlasOptions extends FitInput {
  readonly settings?: NeuralSettings
  readonly runtime: Runtime
  readonly seed: number
  /** From `onCheckpoint` of an earlier fit with the same input; it goes on bit for bit on the CPU. */
  readonly state?: NeuralAtlasState
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: NeuralAtlasProgress) => void) | undefined
  /** Steps between two checkpoints. Default 100. */
  readonly checkpointEvery?: number
  /** Every `checkpointEvery` steps, after the last one, and before a stopped fit ends. */
  readonly onCheckpoint?: ((state: NeuralAtlasState) => void | Promise<void>) | undefined
}

/**
 * Fits a layered neural atlas to a clip (Kasten et al. 2021): the mappings to the plain grid first, then all four
 * networks together, on pixels drawn from all frames.
 *
 * @throws SHAPE_MISMATCH, CHECKPOINT_INVALID, LOSS_NOT_FINITE; the signal's reason once it is aborted
 */
export async function fitNeuralAtlas(options: FitNeuralAtlasOptions): Promise<NeuralAtlas> {
  const {
    frames,
    flow,
    masks,
    settings = publishedNeuralSettings,
    runtime,
    seed,
    state,
    signal,
    onProgress,
    checkpointEvery = 100,
    onCheckpoint,
  } = options
  const input: FitInput = { frames, flow, masks }
  checkInput(input)
  const pretraining = settings.pretraining * frames.pixels.length
  const total = pretraining + settings.iterations
  const fitter = new NeuralFitter({
    runtime,
    input,
    settings,
    seed,
    ...(state ? { vectors: readVectors(state, settings) } : {}),
  })
  let step = state?.step ?? 0
  const checkpoint = async () => {
    const vectors = await fitter.vectors()
    await onCheckpoint?.({
      step,
      tensors: new Map(neuralVectorNames.map((name) => [name, float32Tensor([vectors[name].length], vectors[name])])),
    })
  }
  try {
    while (step < total) {
      await new Promise((resolve) => setTimeout(resolve, 0))
      if (signal?.aborted) {
        await checkpoint()
        signal.throwIfAborted()
      }
      const first = step < pretraining
      const losses = first ? await fitter.pretrain(step) : await fitter.fit(step - pretraining)
      step += 1
      onProgress?.(
        first
          ? { stage: 'pretraining', done: step, total: pretraining, losses }
          : { stage: 'fit', done: step - pretraining, total: settings.iterations, losses },
      )
      if (step % checkpointEvery === 0 || step === total) await checkpoint()
    }
    const { parameters } = await fitter.vectors()
    return new NeuralAtlas({
      runtime,
      shapes: settings.shapes,
      weights: splitWeights(parameters, settings.shapes),
      frames: frames.pixels.length,
      width: frames.width,
      height: frames.height,
      resolution: settings.resolution,
      behaviour: settings.behaviour,
    })
  } finally {
    await fitter.dispose()
  }
}

function checkInput({ frames: { width, height, pixels }, flow, masks }: FitInput): void {
  const count = pixels.length
  const fits = (image: { readonly width: number; readonly height: number }) =>
    image.width === width && image.height === height
  if (
    masks.length === count &&
    masks.every(fits) &&
    fits(flow) &&
    flow.forward.length === count - 1 &&
    flow.backward.length === count - 1
  )
    return
  throw new Text2LiveError(
    'SHAPE_MISMATCH',
    `fitNeuralAtlas expected flow and masks of ${count} frames of ${width}x${height}, ` +
      `got ${masks.length} masks and flow of ${flow.forward.length + 1} frames of ${flow.width}x${flow.height}.`,
  )
}

function readVectors({ tensors }: NeuralAtlasState, { shapes }: NeuralSettings): NeuralVectors {
  const count = networkNames.reduce((sum, name) => sum + weightCount(shapes[name]), 0)
  return Object.fromEntries(
    neuralVectorNames.map((name) => {
      const tensor = tensors.get(name)
      if (!tensor || tensor.shape.length !== 1 || tensor.shape[0] !== count) {
        throw new Text2LiveError(
          'CHECKPOINT_INVALID',
          `Expected the checkpoint of the atlas to hold a tensor "${name}" of ${count} numbers, it has ` +
            `${tensor ? `one of [${tensor.shape.join(', ')}]` : 'none'}. Fit the atlas again, or use the settings of the checkpoint.`,
        )
      }
      // A copy: the fit must not change what it was given.
      return [name, toFloat32(tensor, name).slice()]
    }),
  ) as unknown as NeuralVectors
}
