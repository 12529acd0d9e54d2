import type { ReadonlySignal } from '@preact/signals'
import type { LocateQuestion, NewRun, RunEntry } from '../../session/runHost.js'
import { clipMasks } from '../clip/clipFiles.js'
import type { OpenClip } from '../clip/openClip.js'
import type { ClipDraft, PhotoDraft } from './draft.js'
import { isWritten, type Layers } from './layers.js'
import type { OpenPhoto } from './openPhoto.js'

/** What is open, and what was said of its edit. */
interface Described {
  readonly photo: ReadonlySignal<OpenPhoto | null>
  readonly clip: ReadonlySignal<OpenClip | null>
  readonly photoDraft: PhotoDraft
  readonly clipDraft: ClipDraft
  readonly layers: Layers
  readonly runs: ReadonlySignal<readonly RunEntry[]>
  readonly editing: ReadonlySignal<string | null>
  maskFile(): Promise<Uint8Array | null>
}

/** What would be submitted; null where nothing is open. */
export async function newRun(studio: Described, editing: string | null): Promise<NewRun | null> {
  const [photo, clip] = [studio.photo.value, studio.clip.value]
  if (clip !== null) {
    const point = clip.pointSetting.value
    const over = studio.layers.below(editing)
    const { atlas, ...options } = studio.clipDraft.options.value
    return {
      kind: 'clip',
      options: {
        ...options,
        // The atlas of an edit over others is theirs.
        ...(over.length > 0 || atlas === undefined ? {} : { atlas }),
        ...(point === null ? {} : { point }),
      },
      clip: { name: clip.name, bytes: clip.bytes },
      object: await clipMasks(clip),
      mask: clip.bound.value,
      over,
    }
  }
  if (photo === null) return null
  const mask = await studio.maskFile()
  return {
    kind: 'photo',
    options: studio.photoDraft.options.value,
    photo: { name: photo.name, bytes: photo.bytes },
    mask: mask === null ? null : { name: 'mask.png', bytes: mask },
    over: studio.layers.below(editing),
  }
}

/**
 * The photo with the edits over it that are done, or the frame of the clip that is shown, and the words that are looked
 * for in it.
 */
export async function locateQuestion(studio: Described): Promise<LocateQuestion | null> {
  const [photo, clip] = [studio.photo.value, studio.clip.value]
  if (clip !== null) {
    const { prompt, source, region, guidance } = studio.clipDraft.options.value
    return { options: { prompt, source, region, guidance }, photo: await clip.frameFile() }
  }
  if (photo === null) return null
  const written = new Set(studio.runs.value.filter(isWritten).map(({ name }) => name))
  return {
    options: studio.photoDraft.options.value,
    photo: { name: photo.name, bytes: photo.bytes },
    over: studio.layers.below(studio.editing.value).filter((run) => written.has(run)),
  }
}
