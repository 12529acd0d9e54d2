import { commandLine } from '../../options/commandLine.js'
import { Panel } from '../parts/panel.js'
import { isWritten } from '../state/layers.js'
import type { Studio } from '../state/studio.js'
import { stackFiles, type StackFile } from '../state/stackFile.js'
import { text } from '../text/strings.js'
import { LeaveButtons } from './leaveButtons.js'

const labels = {
  composite: 'leaveComposite',
  edit: 'leaveEdit',
  psd: 'leavePsd',
  ora: 'leaveOra',
} as const satisfies Record<StackFile, string>

/** What a person leaves with. */
export function LeavePanel({ studio }: { readonly studio: Studio }) {
  const run = studio.run.value
  if (run === null || run.kind !== 'photo') return null
  const shown = studio.layers.list.value.filter(({ visible }) => visible)
  const isThere = shown.every(({ chosen }) => studio.runs.value.some((one) => one.name === chosen && isWritten(one)))
  const ready = shown.length > 0 && isThere
  const base = studio.photo.value?.name.replace(/\.[^.]*$/, '') ?? run.name
  return (
    <Panel title={text('leave')} class="leave">
      {!ready && <p class="help">{text(shown.length === 0 ? 'leaveHidden' : 'leaveNotYet')}</p>}
      <LeaveButtons
        studio={studio}
        run={run}
        ready={ready}
        offers={(Object.keys(stackFiles) as StackFile[]).map((file) => ({
          file,
          label: text(labels[file]),
          name: `${base}-${stackFiles[file]}`,
          make: () => studio.stackFile(file),
        }))}
        command={() =>
          commandLine(run.settings, studio.photo.value?.name ?? run.settings.photo ?? 'photo.jpg', {
            mask: run.settings.mask && `runs/${run.name}/${run.settings.mask}`,
            over: run.over.map((name) => `runs/${name}`),
          })
        }
      />
    </Panel>
  )
}
