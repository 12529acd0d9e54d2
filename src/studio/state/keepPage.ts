import { effect } from '@preact/signals'
import { masksByFrame } from '../clip/clipFiles.js'
import type { Studio } from './studio.js'

/** Takes up what was on the page when it was left. */
export async function takeUpPage(studio: Studio): Promise<void> {
  const [photo, page] = [await studio.kept.photo(), await studio.kept.page()]
  if (photo?.kind === 'clip') {
    await studio.openClip(photo.name, photo.bytes, page ?? undefined)
    if (page !== null) studio.clipDraft.restore(page.options)
    return
  }
  if (page !== null) studio.photoDraft.restore(page.options)
  if (photo !== null) await studio.open(photo.name, photo.bytes, page ?? undefined)
}

/** Keeps what is on the page, as long as it is open. */
export function keepPage(studio: Studio): void {
  effect(() => void keepFile(studio))
  effect(() => {
    void studio.kept.keepPage({
      layers: studio.layers.list.value,
      selected: studio.layers.selectedId.value,
      options: studio.draft.options.value,
    })
  })
  keepMasks(studio)
}

async function keepFile({ kept, photo, clip }: Studio): Promise<void> {
  if (clip.value !== null) await kept.keepPhoto({ kind: 'clip', name: clip.value.name, bytes: clip.value.bytes })
  else await kept.keepPhoto(photo.value && { name: photo.value.name, bytes: photo.value.bytes })
}

/** Keeps masks once nobody has painted for a second. */
function keepMasks(studio: Studio): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  effect(() => {
    const [photo, clip, mask] = [studio.photo.value, studio.clip.value, studio.stage.mask.value]
    clearTimeout(timer)
    const keep = (hash: string, pngs: () => ReturnType<typeof studio.maskFile | typeof masksByFrame>): void => {
      timer = setTimeout(() => {
        void pngs().then((made) => studio.kept.keepMask(hash, made))
      }, 1000)
    }
    if (clip !== null) {
      // Read here, so that this is done again with each stroke on any frame.
      const masked = clip.masked.value
      keep(clip.hash, () => masksByFrame(clip, masked))
    } else if (photo !== null && mask !== null && mask.version.value > 0) keep(photo.hash, () => studio.maskFile())
  })
}
