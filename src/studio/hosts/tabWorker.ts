// The worker that each tab has beside its page. It never computes anything itself: it waits, and answers at once.
import { Text2LiveError } from '../../errors.js'
import { browserCodec } from '../../media/web/browserCodec.js'
import { RunQueue } from '../../session/queue/runQueue.js'
import { runFileNames, unzipRun, zipRun } from '../../session/queue/runZip.js'
import type { HostUpdate } from '../../session/runHost.js'
import { isClipFileName } from '../../session/video/videoFiles.js'
import { browserClips } from '../../session/web/browserClips.js'
import { OpfsRuns } from '../../session/web/opfsStore.js'
import { answering, type CallMessage, type Handlers } from './calls.js'
import { Engines } from './engines.js'
import { LocateInTab } from './locateInTab.js'
import { opfsKeptRuns } from './opfsKeptRuns.js'
import { pictureBytes } from './pictureBytes.js'
import type { QueueCalls, TabCalls, TabReply, TabRequest } from './tabCalls.js'
import { TabGroup } from './tabGroup.js'
import { trainInTab } from './trainInTab.js'

/** Greatest zip of a run that is taken, bytes: all of it is in memory for a moment. */
const largestZip = 2 ** 30

const runs = new OpfsRuns()
const post = (reply: TabReply): void => postMessage(reply)

addEventListener(
  'message',
  ({ data }: MessageEvent<TabRequest>) => {
    if (!('site' in data)) return
    const take = begin(data.site)
    addEventListener('message', (event: MessageEvent<CallMessage>) => take(event.data))
  },
  { once: true },
)

/** @returns what takes the page's calls */
function begin(site: string): (call: CallMessage) => void {
  const engines = new Engines(site)
  const group = new TabGroup<QueueCalls, HostUpdate>('text2live studio', (update) => post({ update }))
  const locator = new LocateInTab(engines)
  void group.lead(async (tell) => {
    const queue = await RunQueue.open({
      codec: browserCodec,
      clips: browserClips,
      runs: opfsKeptRuns(runs),
      work: trainInTab(engines, runs),
    })
    queue.watch(tell)
    return answersOf(queue, engines)
  })
  // Of the tab that leads, where there is one; else of this one, once it does.
  const attached = group.call('runs', null).then((update) => post({ update }))
  attached.catch(() => undefined)
  const handlers: Handlers<TabCalls> = {
    submit: (run) => group.call('submit', run),
    ask: (asked) => group.call('ask', asked),
    setMask: (asked) => group.call('setMask', asked),
    bring: (brought) => group.call('bring', brought),
    paint: (painted) => group.call('paint', painted),
    runs: () => group.call('runs', null),
    machine: () => group.call('machine', null),
    files: async ({ run }) => await runFileNames(await runs.look(run)),
    async file({ run, name }) {
      const bytes = await (await runs.look(run)).read(checkedName(name))
      return bytes === null ? null : new Blob([bytes as Uint8Array<ArrayBuffer>], { type: typeOf(name) })
    },
    async zip({ run }) {
      const pieces: Blob[] = []
      // Each becomes the browser's own, which keeps large ones on the disk.
      for await (const piece of zipRun(await runs.look(run), run))
        pieces.push(new Blob([piece as Uint8Array<ArrayBuffer>]))
      return new Blob(pieces, { type: 'application/zip' })
    },
    locate: (asked, signal) => locator.locate(asked, signal),
  }
  return answering(handlers, post)
}

const answersOf = (queue: RunQueue, engines: Engines): Handlers<QueueCalls> => ({
  submit(run) {
    if (run.kind === 'clip') return queue.submit(run)
    const { photo, mask } = run
    return queue.submit({ ...run, photo: pictureBytes(photo), mask: mask === null ? null : pictureBytes(mask) })
  },
  async paint({ run, layer, picture }) {
    await queue.paint(run, layer, picture)
    return null
  },
  async ask({ run, request }) {
    await queue.ask(run, request)
    return null
  },
  setMask({ run, mask }) {
    queue.setMask(run, mask)
    return Promise.resolve(null)
  },
  async bring({ zip, name }) {
    if (zip.size > largestZip)
      throw new Text2LiveError(
        'RUN_INVALID',
        `Expected a zip of at most ${largestZip} bytes, and "${name}" has ${zip.size}. Continue such a run on the command line.`,
      )
    return await queue.bring(unzipRun(new Uint8Array(await zip.arrayBuffer()), name), name)
  },
  runs: () => Promise.resolve({ type: 'runs', runs: queue.runs }),
  machine: () => Promise.resolve({ device: engines.tried, threads: engines.threads }),
})

/** Names of a run's files lead nowhere else. @throws RUN_INVALID */
function checkedName(name: string): string {
  if (/^(previews\/)?[\w-][\w.-]*$/.test(name) || isClipFileName(name)) return name
  throw new Text2LiveError('RUN_INVALID', `Expected the name of a file of a run, got "${name.slice(0, 200)}".`)
}

function typeOf(name: string): string {
  const types: Readonly<Record<string, string>> = {
    png: 'image/png',
    jpg: 'image/jpeg',
    webp: 'image/webp',
    avif: 'image/avif',
    svg: 'image/svg+xml',
    mp4: 'video/mp4',
    webm: 'video/webm',
    mov: 'video/quicktime',
    psd: 'image/vnd.adobe.photoshop',
    ora: 'image/openraster',
    yaml: 'text/yaml',
    ndjson: 'application/x-ndjson',
  }
  return types[name.split('.').at(-1)!] ?? 'application/octet-stream'
}
