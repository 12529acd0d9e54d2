import { existsSync } from 'node:fs'
import { Text2LiveError } from '../errors.js'
import type { FloatImage } from '../media/image.js'
import { heatOverlay } from '../media/heatOverlay.js'
import { atomicWrite } from '../media/node/atomicWrite.js'
import { encodePng } from '../media/node/encodePng.js'
import { pixelImage, quantise, type PixelImage } from '../media/quantise.js'
import { resize } from '../media/resample.js'
import { colourStrips, planeStrips, stripsOf } from '../media/strips.js'
import type { GivenOptions } from '../options/imageOptions.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { readImageInput } from '../session/imageInput.js'
import { locateTexts, shareOf } from '../session/locatePhoto.js'
import type { JobOf } from '../session/job.js'
import { nodePlace } from './buildTrainer.js'
import { nodeMachine } from './nodeMachine.js'
import type { SentRelevancy } from './processJob.js'
import { askAlone } from './runInProcess.js'
import { drawSeed } from '../session/savedRun.js'

/** A photo, what to look for in it, and how. */
export interface RelevancyOptions extends Pick<
  GivenOptions,
  'preset' | 'guidance' | 'relevancy' | 'size' | 'device' | 'threads' | 'truncate' | 'positionEmbedding' | 'force'
> {
  /** Path, or the file's bytes. */
  readonly photo: string | Uint8Array
  /** One or more texts; their maps are averaged, as `region` does. */
  readonly region: readonly string[]
}

/** Where the texts are in the photo. */
export interface RelevancyResult {
  /** 1 channel of the photo's size, [0, 1]: what a run with these options takes for the region. */
  readonly map: FloatImage
  /** PNGs of the photo's size: the map in colours over the photo, and the map in grey. */
  readonly files: { readonly heat: Uint8Array; readonly map: Uint8Array }
  /** Part of the photo where the map is at least one half. */
  readonly share: number
  /** What a person should know of how the texts and the models were taken. */
  readonly notes: readonly string[]
}

/**
 * Where a guidance model sees the texts in a photo; looked for in a process of its own.
 * @throws INPUT_*, PROMPT_EMPTY, PROMPT_TOO_LONG, PROMPT_NOT_UNDERSTOOD, OPTION_INVALID, GUIDANCE_*, DEVICE_UNAVAILABLE
 */
export async function mapRelevancy({ photo, ...options }: RelevancyOptions): Promise<RelevancyResult> {
  const { planes, width, height, ...found } = await askAlone({ kind: 'relevancy', options, photo })
  return { map: mapOf(planes, width, height), ...found }
}

/** The same in the thread that calls it. */
export async function relevancyHere({ photo, options }: JobOf<'relevancy'>): Promise<SentRelevancy> {
  const settings = resolveSettings([options], drawSeed)
  const texts = settings.region
  if (texts.length === 0)
    throw new Text2LiveError(
      'PROMPT_EMPTY',
      'A text is needed: say what to look for. For example: text2live relevancy horse.jpg "horse"',
    )
  if (photo === null)
    throw new Text2LiveError('INPUT_NOT_FOUND', 'A photo is needed to look for words in, and none was given.')
  const input = await readImageInput(photo, null, settings, nodeMachine.codec)
  const { planes, notes } = await locateTexts(
    input.training,
    texts,
    settings,
    { ...nodePlace, codec: nodeMachine.codec },
    {},
  )
  const { width, height } = input.photo.pixels
  const map = mapOf(planes, width, height)
  return {
    planes,
    width,
    height,
    files: { heat: await encodePng(heatOf(input.photo.pixels, map)), map: await encodePng(quantise(map, 8)) },
    share: shareOf(map),
    notes,
  }
}

const mapOf = (planes: FloatImage, width: number, height: number): FloatImage =>
  resize(planes, width, height, { filter: 'bilinear', antialias: true })

/** The overlay in 8 bits, strip by strip. */
function heatOf(photo: PixelImage, map: FloatImage): PixelImage {
  const { width, height } = photo
  const [colours, values] = [colourStrips(photo), planeStrips(map)]
  const data = new Uint8Array(3 * width * height)
  for (const { y, rows } of stripsOf(height))
    data.set(quantise(heatOverlay(colours.strip(y, rows), values.strip(y, rows)), 8).data, 3 * y * width)
  return pixelImage(width, height, 3, data)
}

/**
 * Writes a picture of `mapRelevancy`.
 * @throws OUTPUT_EXISTS unless `force`, OUTPUT_NOT_WRITABLE, DISK_FULL
 */
export async function writeMap(path: string, png: Uint8Array, force: boolean): Promise<void> {
  assertFreeFile(path, force)
  await atomicWrite(path, png)
}

/** @throws OUTPUT_EXISTS */
export function assertFreeFile(path: string, force: boolean): void {
  if (!force && existsSync(path)) {
    throw new Text2LiveError(
      'OUTPUT_EXISTS',
      `${path} exists already and is not overwritten. Choose another name, or replace it with --force.`,
    )
  }
}
