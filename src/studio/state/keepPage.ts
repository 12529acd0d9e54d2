import { effect, type ReadonlySignal } from '@preact/signals'
import { masksByFrame } from '../clip/clipFiles.js'
import type { OpenClip } from '../clip/openClip.js'
import type { StageModel } from '../stage/stageModel.js'
import type { ClipDraft, PhotoDraft } from './draft.js'
import type { Kept, KeptPage } from './kept.js'
import type { Layers } from './layers.js'
import type { OpenPhoto } from './openPhoto.js'

type LayersLeft = Pick<KeptPage, 'layers' | 'selected'>

/** What of the page is kept. */
interface KeptStudio {
  readonly kept: Kept
  readonly photo: ReadonlySignal<OpenPhoto | null>
  readonly clip: ReadonlySignal<OpenClip | null>
  readonly stage: StageModel
  readonly layers: Layers
  readonly draft: PhotoDraft | ClipDraft
  readonly photoDraft: PhotoDraft
  readonly clipDraft: ClipDraft
  open(name: string, bytes: Uint8Array, left?: LayersLeft): Promise<void>
  openClip(name: string, bytes: Uint8Array, left?: LayersLeft): Promise<void>
  maskFile(): Promise<Uint8Array | null>
}

/** Takes up what was on the page when it was left. */
export async function takeUpPage(studio: KeptStudio): Promise<void> {
  const [photo, page] = [await studio.kept.photo(), await studio.kept.page()]
  if (photo?.kind === 'clip') {
    await studio.openClip(photo.name, photo.bytes, page ?? undefined)
    if (page !== null) studio.clipDraft.restore(page.options, page.variations)
    if (studio.clip.value !== null) studio.clip.value.bound.value = page?.bound ?? null
    return
  }
  if (page !== null) studio.photoDraft.restore(page.options, page.variations)
  if (photo !== null) await studio.open(photo.name, photo.bytes, page ?? undefined)
}

/** Keeps what is on the page, as long as it is open. */
export function keepPage(studio: KeptStudio): void {
  effect(() => void keepFile(studio))
  effect(() => {
    void studio.kept.keepPage({
      layers: studio.layers.list.value,
      selected: studio.layers.selectedId.value,
      options: studio.draft.options.value,
      variations: studio.draft.variations.value,
      bound: studio.clip.value?.bound.value ?? null,
    })
  })
  keepPainted(studio)
}

async function keepFile({ kept, photo, clip }: KeptStudio): Promise<void> {
  if (clip.value !== null) await kept.keepPhoto({ kind: 'clip', name: clip.value.name, bytes: clip.value.bytes })
  else await kept.keepPhoto(photo.value && { name: photo.value.name, bytes: photo.value.bytes })
}

/** Keeps what is painted once nobody has painted for a while. */
function keepPainted(studio: KeptStudio): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    const [photo, clip, mask] = [studio.photo.value, studio.clip.value, studio.stage.mask.value]
    const atlas = clip?.atlas.value ?? null
    clearTimeout(timer)
    const keep = (hash: string, pngs: () => ReturnType<typeof studio.maskFile | typeof masksByFrame>): void => {
      timer = setTimeout(() => {
        void pngs().then((made) => studio.kept.keepMask(hash, made))
      }, 1000)
    }
    if (atlas !== null) {
      const [version, withEdit] = [atlas.painting.version.value, atlas.withEdit.value]
      if (version === 0) return
      // Soon, since whoever leaves the atlas leaves the painting too.
      timer = setTimeout(() => {
        void atlas.paint().then((png) => studio.kept.keepPaint(atlas.run, atlas.layer, { png, withEdit }))
      }, 250)
    } else if (clip !== null) {
      // Read here, so that this is done again with each stroke on any frame.
      const masked = clip.masked.value
      keep(clip.hash, () => masksByFrame(clip, masked))
    } else if (photo !== null && mask !== null && mask.version.value > 0) keep(photo.hash, () => studio.maskFile())
  })
}
