import type { RunEntry } from '../../session/runHost.js'

/** What a run failed by, where it did. */
export function RunFault({ error }: Pick<RunEntry, 'error'>) {
  if (error === null) return null
  return (
    <p class="error" role="alert">
      {error.message} {error.code !== null && <code>{error.code}</code>}
    </p>
  )
}
