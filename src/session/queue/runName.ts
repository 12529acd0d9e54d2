import type { PictureSource } from '../../media/imageCodec.js'

const longest = 60

/**
 * Can a run be called so? One part of a path on any system, not hidden, and nothing that a terminal or a shell would
 * take for something else.
 */
export const isRunName = (name: string): boolean =>
  name.length <= 200 && /^[^.\s/\\:*?"<>|\p{C}][^/\\:*?"<>|\p{C}]*$/u.test(name) && !/[. ]$/.test(name)

/**
 * What runs of a photo are called, before their number: the photo's name without its ending, in letters and digits that
 * every file system takes.
 */
export function runStem(name: string): string {
  const last = name.split(/[\\/]/).at(-1) ?? ''
  return stem(last.replace(/\.[^.]*$/, ''))
}

export const stemOf = (photo: PictureSource): string =>
  typeof photo === 'string' ? runStem(photo) : 'name' in photo ? runStem(photo.name) : 'photo'

/** `teapot-3`: the first free number after the greatest that is taken, so that a name is not given twice in a row. */
export function freeName(stem: string, taken: readonly string[]): string {
  const numbers = taken
    .filter((name) => name.startsWith(`${stem}-`))
    .map((name) => name.slice(stem.length + 1))
    .filter((rest) => /^\d{1,9}$/.test(rest))
    .map(Number)
  return `${stem}-${Math.max(0, ...numbers) + 1}`
}

function stem(text: string): string {
  const words = text
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}_-]+/gu, '-')
    .replace(/^-+/, '')
  return Array.from(words).slice(0, longest).join('').replace(/-+$/, '') || 'photo'
}
