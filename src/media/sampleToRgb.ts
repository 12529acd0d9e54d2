import type { VideoSample } from 'mediabunny'
import type { StoredFrame } from './frameCollector.js'
import { yuvToRgb, type YuvMatrix, type YuvPlanes } from './yuvToRgb.js'

/** How a file says that its colours are to be understood; what it does not say is null or missing. */
export interface StatedColours {
  readonly matrix?: string | null | undefined
  readonly fullRange?: boolean | null | undefined
  readonly transfer?: string | null | undefined
}

/** What a decoder of ours knows of a sample besides. */
export interface DecodedExtras {
  /** Decoded from a stream of its own, as that of VP8 and VP9 is: `height * width` bytes. */
  readonly alpha: Uint8Array | null
  /** It came in two fields, of different moments, and is now whole. */
  readonly deinterlaced: boolean
}

/**
 * A decoded frame as RGB. What the frame does not say of its colours, the file's `stated` ones do; where both are
 * silent, the matrix is BT.601 up to 576 lines and 1024 columns, else BT.709, and the range limited. Transfer curves
 * are not applied: video is taken as sRGB.
 *
 * @returns the frame as it is stored: neither turned nor stretched
 */
export async function sampleToRgb(sample: VideoSample, stated: StatedColours): Promise<StoredFrame> {
  const { width, height } = sample.visibleRect
  const { format } = sample
  const layout = format === null ? null : /^(I420|I422|I444|NV12)(A?)(?:P(10|12))?$/.exec(format)
  if (!layout) {
    const bytes = new Uint8Array(sample.allocationSize({ format: 'RGBA' }))
    const [plane] = await sample.copyTo(bytes, { format: 'RGBA' })
    return { width, height, ...split(bytes, width, height, plane!) }
  }
  const bytes = new Uint8Array(sample.allocationSize())
  const planes = await sample.copyTo(bytes)
  const bits = layout[3] === undefined ? 8 : (Number(layout[3]) as 10 | 12)
  const size = bits === 8 ? 1 : 2
  const frame: YuvPlanes = {
    width,
    height,
    bits,
    chroma: [layout[1] === 'I444' ? 1 : 2, layout[1] === 'I422' || layout[1] === 'I444' ? 1 : 2],
    data: bits === 8 ? bytes : new Uint16Array(bytes.buffer),
    planes: planes.map(({ offset, stride }) => ({ offset: offset / size, stride: stride / size })),
    interleaved: layout[1] === 'NV12',
  }
  const { matrix, fullRange } = sample.colorSpace
  const fallback = height <= 576 && width <= 1024 ? 'bt601' : 'bt709'
  return {
    width,
    height,
    pixels: yuvToRgb(
      frame,
      matrices[matrix ?? stated.matrix ?? ''] ?? fallback,
      fullRange ?? stated.fullRange ?? false,
    ),
    alpha: (sample as Partial<DecodedExtras>).alpha ?? (layout[2] === 'A' ? alphaOf(frame) : null),
  }
}

const matrices: Readonly<Record<string, YuvMatrix>> = {
  bt709: 'bt709',
  bt470bg: 'bt601',
  smpte170m: 'bt601',
  'bt2020-ncl': 'bt2020',
}

/** RGBA in rows. */
function split(
  bytes: Uint8Array,
  width: number,
  height: number,
  { offset, stride }: { readonly offset: number; readonly stride: number },
): Pick<StoredFrame, 'pixels' | 'alpha'> {
  const pixels = new Uint8Array(3 * width * height)
  const alpha = new Uint8Array(width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) pixels[3 * (y * width + x) + c] = bytes[offset + y * stride + 4 * x + c]!
      alpha[y * width + x] = bytes[offset + y * stride + 4 * x + 3]!
    }
  }
  return { pixels, alpha }
}

/** The last plane; alpha uses all codes, whatever the range of the colours. */
function alphaOf({ width, height, bits, data, planes }: YuvPlanes): Uint8Array {
  const { offset, stride } = planes.at(-1)!
  const most = 2 ** bits - 1
  return new Uint8Array(width * height).map((_, i) =>
    Math.round((data[offset + Math.floor(i / width) * stride + (i % width)]! * 255) / most),
  )
}
