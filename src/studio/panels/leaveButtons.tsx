import { useSignal } from '@preact/signals'
import type { RunEntry } from '../../session/runHost.js'
import { saveFile } from '../parts/saveFile.js'
import { takeFocus } from '../parts/takeFocus.js'
import type { Studio } from '../state/studio.js'
import { text } from '../text/strings.js'

/** A file that a person can take away. */
export interface Offer {
  readonly file: string
  readonly label: string
  /** What it is saved as. */
  readonly name: string
  /** Null where it is gone. */
  readonly make: () => Promise<Blob | null>
}

/** Saves the files that are offered and the run as a zip, and copies the command line that does the same. */
export function LeaveButtons({
  studio,
  run,
  offers,
  ready = true,
  command,
}: {
  readonly studio: Studio
  readonly run: RunEntry
  readonly offers: readonly Offer[]
  /** Whether the files can be had yet; the zip always can. */
  readonly ready?: boolean
  readonly command: () => string
}) {
  const making = useSignal<string | null>(null)
  const copied = useSignal(false)
  /** The command line, where the browser lets nobody copy it. */
  const shown = useSignal<string | null>(null)
  const save = ({ name, make }: Pick<Offer, 'name' | 'make'>): void =>
    void studio.attempt(async () => {
      making.value = name
      copied.value = false
      try {
        const file = await make()
        if (file !== null) saveFile(name, file)
      } finally {
        making.value = null
      }
    })
  const copy = (): void =>
    void studio.attempt(async () => {
      const line = command()
      const isCopied = await takeCopy(line)
      copied.value = isCopied
      shown.value = isCopied ? null : line
    })
  return (
    <>
      <div class="leave-grid">
        {offers.map((offer) => (
          <button
            key={offer.file}
            type="button"
            disabled={!ready || making.value !== null}
            data-file={offer.file}
            onClick={() => save(offer)}
          >
            {offer.label}
          </button>
        ))}
        <button
          type="button"
          disabled={making.value !== null}
          data-file="zip"
          onClick={() => save({ name: `${run.name}.zip`, make: () => studio.host.zip(run.name) })}
        >
          {text('leaveZip')}
        </button>
        <button type="button" onClick={copy}>
          {text('leaveCommand')}
        </button>
      </div>
      <p class="help" aria-live="polite">
        {making.value !== null ? text('leaveMaking', { name: making.value }) : copied.value ? text('leaveCopied') : ''}
      </p>
      {shown.value !== null && (
        <textarea
          class="command"
          readOnly
          rows={3}
          aria-label={text('leaveCommandLine')}
          value={shown.value}
          ref={takeFocus}
          onFocus={({ currentTarget }) => currentTarget.select()}
        />
      )}
    </>
  )
}

/** Over plain HTTP from another machine there is no clipboard, and it can be denied. @returns whether it took it */
async function takeCopy(line: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(line)
    return true
  } catch {
    return false
  }
}
