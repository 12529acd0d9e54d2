import { useSignal } from '@preact/signals'
import { commandLine } from '../../options/commandLine.js'
import { Panel } from '../parts/panel.js'
import { saveFile } from '../parts/saveFile.js'
import type { Studio } from '../state/studio.js'
import { stackFiles, type StackFile } from '../state/stackFile.js'
import { text } from '../text/strings.js'

const labels = {
  composite: 'leaveComposite',
  edit: 'leaveEdit',
  psd: 'leavePsd',
  ora: 'leaveOra',
} as const satisfies Record<StackFile, string>

/** What a person leaves with. */
export function LeavePanel({ studio }: { readonly studio: Studio }) {
  const making = useSignal<string | null>(null)
  const copied = useSignal(false)
  const run = studio.run.value
  if (run === null || run.kind !== 'photo') return null
  const there = run.state === 'finished' || run.state === 'stopped'
  const save = (name: string, make: () => Promise<Blob>): void =>
    void studio.attempt(async () => {
      making.value = name
      try {
        saveFile(name, await make())
      } finally {
        making.value = null
      }
    })
  const base = studio.photo.value?.name.replace(/\.[^.]*$/, '') ?? run.name
  return (
    <Panel title={text('leave')} class="leave">
      {!there && <p class="help">{text('leaveNotYet')}</p>}
      <div class="buttons">
        {(Object.keys(stackFiles) as StackFile[]).map((file) => (
          <button
            key={file}
            type="button"
            disabled={!there || making.value !== null}
            data-file={file}
            onClick={() => save(`${base}-${stackFiles[file]}`, () => studio.stackFile(file))}
          >
            {text(labels[file])}
          </button>
        ))}
        <button
          type="button"
          disabled={making.value !== null}
          data-file="zip"
          onClick={() => save(`${run.name}.zip`, () => studio.host.zip(run.name))}
        >
          {text('leaveZip')}
        </button>
        <button
          type="button"
          onClick={() =>
            void studio.attempt(async () => {
              const photo = studio.photo.value?.name ?? run.settings.photo ?? 'photo.jpg'
              await navigator.clipboard.writeText(
                commandLine(run.settings, photo, {
                  mask: run.settings.mask === null ? null : 'mask.png',
                  over: run.over.map((name) => `runs/${name}`),
                }),
              )
              copied.value = true
            })
          }
        >
          {text('leaveCommand')}
        </button>
      </div>
      <p class="help" aria-live="polite">
        {making.value !== null ? text('leaveMaking', { name: making.value }) : copied.value ? text('leaveCopied') : ''}
      </p>
    </Panel>
  )
}
