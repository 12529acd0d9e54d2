import type { VideoSettings } from '../../options/videoOptions.js'
import { rowOf, settingNamesOf } from '../../options/optionTable.js'
import { videoTable } from '../../options/videoTable.js'

/** Settings that name files; what is in the files is compared instead. */
const paths = ['clip', 'object', 'mask']

/** The settings that differ and that a resumed run may not change: `views (checkpoint 6, now 4)`. */
export function differingSettings(saved: VideoSettings, now: VideoSettings): string[] {
  const [before, after] = [saved, now] as unknown as Readonly<Record<string, unknown>>[]
  return settingNamesOf(videoTable)
    .filter((name) => rowOf(videoTable, name).free !== true && !paths.includes(name))
    .filter((name) => JSON.stringify(before![name] ?? null) !== JSON.stringify(after![name] ?? null))
    .map((name) => `${name} (checkpoint ${JSON.stringify(before![name] ?? null)}, now ${JSON.stringify(after![name])})`)
}
