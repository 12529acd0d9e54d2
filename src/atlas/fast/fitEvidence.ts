import { Text2LiveError } from '../../errors.js'
import type { ClipFrames } from '../../media/clipFrames.js'
import type { FloatImage } from '../../media/image.js'
import type { ClipFlow } from '../clipFlow.js'
import { giveTurn } from '../giveTurn.js'
import { chainMappings } from './chainMappings.js'
import { type FastSettings, fastSettings } from './fastSettings.js'
import { type FrameLinks, frameLinks } from './frameLinks.js'
import type { Lattice } from './lattice.js'
import { objectMotion } from './objectMotion.js'
import type { Layers } from './solveTextures.js'

/** What a fit takes of the flow and the masks of a clip: so little that both can be let go before it begins. */
export interface FitEvidence {
  readonly width: number
  readonly height: number
  /** Masks of the object, 8 bits: the first opacity. */
  readonly outlines: readonly Uint8Array[]
  readonly links: readonly FrameLinks[]
  /** First mappings, which follow the flow from the middle frame outwards. */
  readonly lattices: Layers<readonly Lattice[]>
}

export interface FitEvidenceOptions {
  readonly frames: ClipFrames
  readonly flow: ClipFlow
  /** Where the object is, one channel per frame, [0, 1]. */
  readonly masks: readonly FloatImage[]
  /** As the fit has them. */
  readonly settings?: FastSettings
  readonly signal?: AbortSignal | undefined
}

/** How flow becomes first mappings: places every 4 px, one outlier px counts half. */
const CHAIN = { bending: 0.05, robustRounds: 2, robustScale: 1, stride: 4 } as const

/** @throws SHAPE_MISMATCH; the signal's reason once it is aborted */
export async function fitEvidence({
  frames,
  flow,
  masks,
  settings = fastSettings,
  signal,
}: FitEvidenceOptions): Promise<FitEvidence> {
  const { width, height } = frames
  const count = frames.pixels.length
  if (
    masks.length !== count ||
    flow.forward.length !== count - 1 ||
    flow.width !== width ||
    flow.height !== height ||
    masks.some((mask) => mask.width !== width || mask.height !== height)
  ) {
    throw new Text2LiveError(
      'SHAPE_MISMATCH',
      `fitEvidence expected flow and masks of ${count} frames of ${width}x${height}, ` +
        `got ${masks.length} masks and flow of ${flow.forward.length + 1} frames of ${flow.width}x${flow.height}.`,
    )
  }
  const pause = () => giveTurn(signal)
  const motion = await objectMotion(frames, masks, flow, pause)
  const options = { spacing: settings.stages[0]!.spacing, ...CHAIN }
  const background = chainMappings('background', motion, masks, options)
  await pause()
  const foreground = chainMappings('foreground', motion, masks, options)
  const outlines = masks.map(maskBytes)
  return {
    width,
    height,
    outlines,
    links: outlines.map((outline, t) => frameLinks(motion.flow, outline, t)),
    lattices: { foreground, background },
  }
}

function maskBytes({ data }: FloatImage): Uint8Array {
  const bytes = new Uint8Array(data.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.round(data[i]! * 255)
  return bytes
}
