import type { VideoSettings } from '../../options/videoOptions.js'
import { rowOf, settingNamesOf } from '../../options/optionTable.js'
import { videoTable } from '../../options/videoTable.js'

/** Settings that name files; what is in the files is compared instead. */
const paths = ['clip', 'object', 'mask']

/** The settings that differ and that a resumed run may not change: `views (checkpoint 6, now 4)`. */
export function differingSettings(saved: VideoSettings, now: VideoSettings): string[] {
  const [before, after] = [saved, now] as unknown as Readonly<Record<string, unknown>>[]
  return (
    settingNamesOf(videoTable)
      .filter((name) => rowOf(videoTable, name).free !== true && !paths.includes(name))
      // An option that did not exist when the run was made had its default.
      .filter(
        (name) =>
          JSON.stringify(before![name] ?? rowOf(videoTable, name).default) !==
          JSON.stringify(after![name] ?? rowOf(videoTable, name).default),
      )
      .map(
        (name) => `${name} (checkpoint ${JSON.stringify(before![name] ?? null)}, now ${JSON.stringify(after![name])})`,
      )
  )
}
