import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Panel } from '../parts/panel.js'
import type { PageModels } from '../state/pageModels.js'
import type { Studio } from '../state/studio.js'
import { bytesText, text } from '../text/strings.js'

/** In a tab: the models that are fetched once, by a button that says how large they are. */
export function ModelsPanel({ studio, models }: { readonly studio: Studio; readonly models: PageModels }) {
  const known = useSignal<Awaited<ReturnType<PageModels['state']>> | null>(null)
  const fetched = useSignal<number | null>(null)
  const look = async (): Promise<void> => {
    known.value = await models.state()
  }
  useEffect(() => void studio.attempt(look), [models])
  const now = known.value
  if (now === null || now.ready) return null
  const size = bytesText(now.bytes)
  const fetchAll = async (): Promise<void> => {
    fetched.value = 0
    try {
      await models.fetch((bytes) => (fetched.value = bytes))
    } finally {
      fetched.value = null
      await look()
    }
  }
  return (
    <Panel title={text('models')} class="models">
      <p>{text('modelsNeeded', { size })}</p>
      {fetched.value === null ? (
        <button type="button" class="primary wide" onClick={() => void studio.attempt(fetchAll)}>
          {text('modelsFetch', { size })}
        </button>
      ) : (
        <>
          <progress value={fetched.value} max={now.bytes} aria-label={text('models')} />
          <p class="help">{text('modelsFetching', { part: bytesText(fetched.value), size })}</p>
        </>
      )}
    </Panel>
  )
}
