import { signal } from '@preact/signals'
import { render } from 'preact'
import { Text2LiveError } from '../errors.js'
import type { RunHost } from '../session/runHost.js'
import { App, type ReloadOffer } from './app.js'
import type { PageModels } from './state/pageModels.js'
import { Studio } from './state/studio.js'
import { text } from './text/strings.js'
import './stage/stage.css'
import './style.css'

const place = document.getElementById('app')!
const reload = signal<ReloadOffer | null>(null)

await start().catch((error: unknown) => {
  if (!(error instanceof Text2LiveError)) throw error
  render(
    <p class="problem" role="alert">
      {text('problem')}. {error.message} <code>{error.code}</code>
    </p>,
    place,
  )
})

async function start(): Promise<void> {
  const { host, models } = await openHost((problem) => {
    studio.problem.value = problem
  })
  const studio: Studio = new Studio(host)
  render(<App studio={studio} models={models} reload={reload} />, place)
  if (STUDIO_HOST === 'tab') await keepPage()
  await studio.attempt(() => studio.restore())
}

/** Whoever trains: the build says which, so that each page carries one of them. */
async function openHost(
  onConnection: (problem: Text2LiveError | null) => void,
): Promise<{ host: RunHost; models: PageModels | null }> {
  if (STUDIO_HOST === 'served') {
    const { ServedHost } = await import('./hosts/servedHost.js')
    return { host: new ServedHost({ onConnection }), models: null }
  }
  const { TabHost } = await import('./hosts/tabHost.js')
  const host = new TabHost()
  return { host, models: host }
}

async function keepPage(): Promise<void> {
  const { registerShell } = await import('./hosts/registerShell.js')
  const shell = registerShell()
  if (shell === null) return
  void shell.renewed.then(() => {
    reload.value = { why: 'newer', take: () => shell.renew() }
  })
  // One core is the page's own: two make no difference.
  if (shell.isFirst && !crossOriginIsolated && navigator.hardwareConcurrency > 2)
    void shell.kept.then(() => {
      reload.value = { why: 'withThreads', take: () => location.reload() }
    })
}
