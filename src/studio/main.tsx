import { render } from 'preact'
import type { Text2LiveError } from '../errors.js'
import type { RunHost } from '../session/runHost.js'
import { App } from './app.js'
import type { PageModels } from './state/pageModels.js'
import { Studio } from './state/studio.js'
import './style.css'

const { host, models } = await openHost((problem) => {
  studio.problem.value = problem
})
const studio: Studio = new Studio(host)
render(<App studio={studio} models={models} />, document.getElementById('app')!)
await studio.attempt(() => studio.restore())

/** Whoever trains: the build says which, so that each page carries one of them. */
async function openHost(
  onConnection: (problem: Text2LiveError | null) => void,
): Promise<{ host: RunHost; models: PageModels | null }> {
  if (STUDIO_HOST === 'served') {
    const { ServedHost } = await import('./hosts/servedHost.js')
    return { host: new ServedHost({ onConnection }), models: null }
  }
  const { TabHost } = await import('./hosts/tabHost.js')
  const tab = await TabHost.open()
  return { host: tab, models: tab.models }
}
