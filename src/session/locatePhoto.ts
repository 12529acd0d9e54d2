import type { Runtime } from '../engine/runtime.js'
import { Text2LiveError } from '../errors.js'
import type { FloatImage } from '../media/image.js'
import type { ImageCodec, PictureSource } from '../media/imageCodec.js'
import { quantise } from '../media/quantise.js'
import { findRegion } from '../method/findRegion.js'
import { requireAnswer } from '../method/guidanceAnswers.js'
import { rivalsFor } from '../method/locateRegion.js'
import { embedRegion } from '../method/textTargets.js'
import { type GuidanceModel, holdTextTowers } from '../models/guidance.js'
import type { OutlineModel } from '../models/outline.js'
import type { GivenOptions, ImageSettings } from '../options/imageOptions.js'
import { regionTexts, type RegionTexts } from '../options/region.js'
import { resolveSettings } from '../options/resolveSettings.js'
import { readImageInput, type ImageInput } from './imageInput.js'
import { openGuidance, outlineFor, runtimeOf, type TrainingPlace } from './openTrainer.js'
import type { LocatedMap } from './runHost.js'
import { drawSeed } from './savedRun.js'
import type { Below } from './takeLayers.js'
import type { TrainerNotice } from './trainerContract.js'

/** Where the words are in a photo, with what a page draws it from. */
export interface LocatedPhoto extends LocatedMap {
  /** The same map unrounded: 1 channel of the training size, [0, 1]. */
  readonly planes: FloatImage
  /** What was looked for; none where the edit may go anywhere, and the map is 1 all over. */
  readonly texts: readonly string[]
}

/** What is looked for, and in what. */
export interface LocateRequest {
  readonly options: GivenOptions
  /** Null: that of the lowest run below. */
  readonly photo: PictureSource | null
  /** What the edit would be painted over. */
  readonly below?: Below
}

/** The machine that looks: its engine, models and codec. */
export interface LocatePlace extends TrainingPlace {
  readonly codec: ImageCodec
}

/** How the looking is followed, and given up. */
export interface LocateWatch {
  readonly notice?: (notice: TrainerNotice) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Where a run with these options would edit, before anything is trained: what `region` says, else what `source` says
 * the photo shows, else what prompt and photo agree on.
 * @throws OPTION_*, PROMPT_*, INPUT_*, GUIDANCE_*, DEVICE_UNAVAILABLE; INTERRUPTED when `signal` aborts
 */
export async function locatePhoto(
  { options, photo, below }: LocateRequest,
  place: LocatePlace,
  watch: LocateWatch = {},
): Promise<LocatedPhoto> {
  const settings = resolveSettings([options], drawSeed)
  const asked = regionTexts(settings)
  if (asked === 'agreed' && settings.prompt.length === 0)
    throw new Text2LiveError(
      'PROMPT_EMPTY',
      'A text is needed: say what to look for, as the region, the source or the prompt of an edit.',
    )
  const source = photo ?? below?.photo ?? null
  if (source === null)
    throw new Text2LiveError('INPUT_NOT_FOUND', 'A photo is needed to look for words in, and none was given.')
  const { training } = await readImageInput(source, null, settings, place.codec, below?.layers)
  return await locateTexts(training, asked, settings, place, watch)
}

/**
 * The same for a photo that has been read.
 * @param photo at training size
 * @throws PROMPT_*, GUIDANCE_*, DEVICE_UNAVAILABLE; INTERRUPTED when `signal` aborts
 */
export async function locateTexts(
  { photo }: ImageInput['training'],
  asked: RegionTexts,
  settings: ImageSettings,
  place: LocatePlace,
  { notice = () => undefined, signal }: LocateWatch,
): Promise<LocatedPhoto> {
  const notes: string[] = []
  const onNote = (message: string): void => {
    notes.push(message)
    notice({ type: 'note', message })
  }
  const { codec, models, warm } = place
  const runtime = await runtimeOf(place, settings)
  const guidance = await openGuidance(
    settings,
    runtime,
    models,
    (told) => (told.type === 'note' ? onNote(told.message) : notice(told)),
    signal,
    undefined,
    warm,
  )
  requireAnswer(guidance, 'relevancy', 'To look for words in a photo there must be one')
  const outline = await outlineFor(settings, asked, models, warm)
  const { texts, map } = await lookFor({ asked, settings, photo, guidance, outline, runtime, notice, onNote, signal })
  if (map === null && asked !== 'agreed') onNote('region: none, so the edit may go anywhere in the photo')
  const planes = map ?? { ...photo, channels: 1, data: new Float32Array(photo.width * photo.height).fill(1) }
  return { map: await codec.encodePng(quantise(planes, 8)), planes, share: shareOf(planes), texts, notes }
}

/** Part of a map's places that are at least one half. */
export const shareOf = ({ data }: FloatImage): number =>
  data.reduce((count, value) => (value >= 0.5 ? count + 1 : count), 0) / data.length

interface Search {
  readonly asked: RegionTexts
  readonly settings: ImageSettings
  readonly photo: FloatImage
  readonly guidance: readonly GuidanceModel[]
  readonly outline: OutlineModel | null
  readonly runtime: Runtime
  readonly notice: (notice: TrainerNotice) => void
  readonly onNote: (message: string) => void
  readonly signal: AbortSignal | undefined
}

async function lookFor({ asked, settings, guidance, notice, onNote, signal, ...search }: Search) {
  const { relevancy, truncate } = settings
  const embed = async (region: readonly string[]) => {
    const embedded: Awaited<ReturnType<typeof embedRegion>>[] = []
    if (region.length === 0) return embedded
    for (const model of guidance)
      embedded.push(await embedRegion(model, region, truncate, onNote, rivalsFor(relevancy), signal))
    return embedded
  }
  const look = () =>
    findRegion(
      {
        ...search,
        guidance,
        relevancy,
        truncate,
        asked,
        prompt: settings.prompt,
        embed,
        onNote,
        onPhase: (phase) => notice({ type: 'phase', phase }),
        signal,
      },
      true,
    )
  return (await (asked === 'agreed' ? holdTextTowers(guidance, look) : look())).region
}
