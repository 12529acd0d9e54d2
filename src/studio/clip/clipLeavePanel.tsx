import { clipCommandLine } from '../../options/commandLine.js'
import type { ClipEntry } from '../../session/runHost.js'
import { videoFiles, videoOutputFiles, type VideoOutputName } from '../../session/video/videoFiles.js'
import { LeaveButtons } from '../panels/leaveButtons.js'
import { Panel } from '../parts/panel.js'
import type { Studio } from '../state/studio.js'
import type { StringName } from '../text/english.js'
import { text } from '../text/strings.js'
import type { OpenClip } from './openClip.js'

/** What can be taken away as a file of its own; folders of frames are in the zip. */
const labels: readonly (readonly [VideoOutputName, StringName])[] = [
  ['edited', 'leaveMp4'],
  ['editLayer', 'leaveWebm'],
  ['editLayerProres', 'leaveProres'],
  ['sideBySide', 'leaveSide'],
  ['foregroundPsd', 'leaveObjectPsd'],
  ['backgroundPsd', 'leaveBackgroundPsd'],
  ['foregroundAtlas', 'leaveObjectAtlas'],
  ['backgroundAtlas', 'leaveBackgroundAtlas'],
  ['losses', 'leaveLosses'],
  ['metrics', 'leaveMetrics'],
]

/** What a person leaves with, of the run of a clip. */
export function ClipLeavePanel({
  studio,
  clip,
  run,
}: {
  readonly studio: Studio
  readonly clip: OpenClip
  readonly run: ClipEntry
}) {
  const base = clip.name.replace(/\.[^.]*$/, '')
  const painted = [videoOutputFiles.edited, videoOutputFiles.editLayer].map((file) => `${videoFiles.painted}/${file}`)
  const offered = [
    ...labels.map(([name, label]) => [videoOutputFiles[name], text(label)] as const),
    [painted[0]!, text('leavePaintedMp4')] as const,
    [painted[1]!, text('leavePaintedWebm')] as const,
  ].filter(([file]) => studio.clipResults.files.value.has(file))
  const { object, mask } = run.settings
  const selected = studio.layers.selected.value
  const under = studio.layers.list.value.filter(({ chosen }) => chosen === run.name || run.over.includes(chosen))
  const asTrained =
    selected !== null && !studio.layers.isMoved(selected, run) && under.every(({ opacity }) => opacity === 1)
  const inRun = (file: string | null): string | null => file && `runs/${run.name}/${file}`
  return (
    <Panel title={text('leave')} class="leave">
      {offered.length === 0 && <p class="help">{text('leaveNoClips')}</p>}
      {offered.length > 0 && !asTrained && <p class="help">{text('leaveAsTrained')}</p>}
      <LeaveButtons
        studio={studio}
        run={run}
        offers={offered.map(([file, label]) => ({
          file,
          label,
          name: `${base}-${file.replace('/', '-')}`,
          make: () => studio.host.file(run.name, file),
        }))}
        command={() =>
          clipCommandLine(run.settings, clip.name, {
            object: inRun(object),
            mask: inRun(mask),
            over: run.over.map((name) => `runs/${name}`),
          })
        }
      />
    </Panel>
  )
}
