import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { Text2LiveError } from '../../errors.js'
import { Panel } from '../parts/panel.js'
import type { PageModels } from '../state/pageModels.js'
import type { Studio } from '../state/studio.js'
import { bytesText, text } from '../text/strings.js'

/** In a tab: the models that are fetched once, by a button that says how large they are; nothing once they are here. */
export function ModelsPanel({ studio, models }: { readonly studio: Studio; readonly models: PageModels }) {
  const known = useSignal<Awaited<ReturnType<PageModels['models']>> | null>(null)
  const fetching = useSignal<{ readonly here: number; readonly stop: AbortController } | null>(null)
  const look = async (): Promise<void> => {
    known.value = await models.models()
    studio.modelsMissing.value = known.value.state !== 'ready'
  }
  // A browser that needs room throws files away: a run that lacks them says so.
  const fault = studio.run.value?.error?.code
  const isLost = fault === 'MODEL_NOT_CACHED' || fault === 'MODEL_DAMAGED'
  useEffect(() => void studio.attempt(look), [models, isLost])
  const now = known.value
  if (now === null || now.state === 'ready') return null
  const fetchAll = async (): Promise<void> => {
    const stop = new AbortController()
    fetching.value = { here: now.here, stop }
    try {
      await models.fetchModels((here) => (fetching.value = { here, stop }), stop.signal)
    } catch (error) {
      if (!(error instanceof Text2LiveError && error.code === 'INTERRUPTED')) throw error
    } finally {
      fetching.value = null
      await look()
    }
  }
  const at = fetching.value
  return (
    <Panel title={text('models')} class="models">
      <p>{text('modelsNeeded', { size: bytesText(now.total) })}</p>
      {at === null ? (
        <button type="button" class="primary wide" onClick={() => void studio.attempt(fetchAll)}>
          {text('modelsFetch', { size: bytesText(now.total - now.here) })}
        </button>
      ) : (
        <>
          <progress value={at.here} max={now.total} aria-label={text('models')} />
          <p class="help">{text('modelsFetching', { part: bytesText(at.here), size: bytesText(now.total) })}</p>
          <button type="button" onClick={() => at.stop.abort()}>
            {text('cancel')}
          </button>
        </>
      )}
    </Panel>
  )
}
