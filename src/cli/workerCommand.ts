import { homedir, hostname, totalmem } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { WorkDevice } from '../queue/protocol.js'
import type { WorkerEvent } from '../queue/worker.js'
import { eventLine } from '../session/events.js'
import type { Output } from './lineReporter.js'
import { queueOptions, queueUrl, storePlace, type QueueFlags } from './queueFlags.js'
import { stopOnSignals } from './stopOnSignals.js'
import type { SetStatus, Terminal } from './terminal.js'

interface WorkerFlags extends QueueFlags {
  readonly device: WorkDevice | 'auto'
  readonly guidance: readonly string[]
  readonly memory?: number
  readonly scratch?: string
  readonly metrics?: number
  readonly json?: boolean
}

/** `text2live worker` */
export function workerCommand(terminal: Terminal, setStatus: SetStatus): Command {
  const command = new Command('worker')
    .description('work on the jobs of a queue, one after another, until Ctrl-C')
    .helpOption('-h, --help', 'show this text')
  for (const option of queueOptions()) command.addOption(option)
  return command
    .addOption(
      new Option('--device <name>', 'where its jobs run; one job at a time: start a worker for each device')
        .choices(['auto', 'cpu', 'webgpu', 'cuda'])
        .default('auto'),
    )
    .option(
      '--guidance <model>',
      'a model that its jobs may use, fetched where it is not here; repeat for several (default: starter, and those of "models list" that are here)',
      (name: string, before: readonly string[]) => [...before, name],
      [] as readonly string[],
    )
    .option('--memory <GiB>', 'what a job may take (default: the memory of this machine)', gibibytes)
    .option('--scratch <folder>', 'where runs are worked on, on this machine (default: ~/.cache/text2live/worker)')
    .option('--metrics <port>', 'serve /metrics for Prometheus and /healthz at this port, to this machine alone', port)
    .option('--json', 'tell what happens as lines of JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ text2live worker --queue redis://10.0.0.5 --store /mnt/edits
      takes what fits this machine
  $ TEXT2LIVE_QUEUE=rediss://worker:secret@queue.example text2live worker --store s3://edits/runs --device cuda
      the address where nobody sees it; a bucket, with the credentials that the AWS tools use

Ctrl-C ends the step at hand, keeps what is reached and gives the job back; docs/scale.md has the rest.`,
    )
    .action(async (flags: WorkerFlags) => {
      const url = queueUrl(flags)
      const place = storePlace(flags)
      const stoppable = {
        stopping: 'stopping after this step, and giving the job back',
        onStop: () => undefined,
        goOn: 'text2live worker',
      }
      setStatus(
        await stopOnSignals(terminal, stoppable, async (signal) => {
          await work(url, place, flags, terminal, signal)
          return { finished: true, folder: null }
        }),
      )
    })
}

async function work(
  url: string,
  place: string,
  flags: WorkerFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { openStore } = await import('../queue/store/openStore.js')
  const { openQueue } = await import('../queue/openQueue.js')
  const { runWorker } = await import('../queue/worker.js')
  const { performJob } = await import('../queue/performJob.js')
  const { chooseDevice } = await import('../run/probeDevice.js')
  const { WorkerMetrics, serveMetrics } = await import('../queue/workerMetrics.js')
  const store = await openStore(place)
  const queue = await openQueue({ url, name: flags.queueName, store: store.id })
  try {
    const can = {
      device: await chooseDevice(flags.device),
      guidance: await modelsOf(flags.guidance),
      memory: flags.memory ?? totalmem() / 2 ** 30,
    }
    const metrics = new WorkerMetrics(() => queue.redis.status === 'ready')
    const server = flags.metrics === undefined ? null : await serveMetrics(metrics, flags.metrics)
    const report = flags.json === true ? jsonReport(terminal.stdout) : textReport(terminal.stdout)
    for (const message of queue.notes) terminal.stderr.write(`note: ${message}\n`)
    report({ type: 'ready', queue: queue.place, store: store.objects.place, ...can })
    try {
      await runWorker(
        {
          queue,
          store,
          can,
          scratch: flags.scratch ?? join(homedir(), '.cache', 'text2live', 'worker'),
          perform: performJob,
          onEvent: (event) => {
            metrics.count(event)
            report(event)
          },
        },
        signal,
      )
    } finally {
      server?.close()
    }
  } finally {
    queue.close()
    store.objects.close()
  }
}

/** Names of what it may use; without any, of what is here. */
async function modelsOf(given: readonly string[]): Promise<string[]> {
  const { portableGuidance } = await import('../run/portableGuidance.js')
  if (given.length > 0) return given.map(portableGuidance)
  const { listModels } = await import('../models/node/modelCache.js')
  const { readHubEnvironment } = await import('../models/node/hubEnvironment.js')
  const { cache } = await readHubEnvironment()
  const models = await listModels(cache)
  return models.filter(({ state }) => state === 'embedded' || state === 'cached').map(({ name }) => name)
}

interface Ready {
  readonly type: 'ready'
  readonly queue: string
  readonly store: string
  readonly device: WorkDevice
  readonly guidance: readonly string[]
  readonly memory: number
}

/** Steps are told by the run's own progress in the queue. */
const jsonReport =
  (stdout: Output) =>
  (event: WorkerEvent | Ready): void => {
    if (event.type !== 'run') stdout.write(eventLine(event))
  }

function textReport(stdout: Output): (event: WorkerEvent | Ready) => void {
  const names = new Map<string, string>()
  const called = (job: string): string => names.get(job) ?? job
  return (event) => {
    const line = describe(event, called)
    if (event.type === 'took') names.set(event.job, event.out)
    if (line !== null) stdout.write(`${line}\n`)
  }
}

function describe(event: WorkerEvent | Ready, called: (job: string) => string): string | null {
  switch (event.type) {
    case 'ready':
      return `worker on ${hostname()}: ${event.device}, ${Math.round(event.memory)} GiB, ${event.guidance.join(', ')}; queue ${event.queue}, store ${event.store}`
    case 'took':
      return `${event.resumed ? 'goes on with' : 'begins'} ${event.out} (taking ${event.fence})`
    case 'finished':
      return `finished ${called(event.job)}`
    case 'gave-back':
      return `gave back ${called(event.job)}`
    case 'cancelled':
      return `${called(event.job)} was cancelled`
    case 'lost':
      return `lost ${called(event.job)}: another worker has it, or will take it`
    case 'failed':
      return `failed ${called(event.job)}: ${event.code}: ${event.message}`
    case 'delayed':
      return `waiting: ${event.message}`
    case 'run':
      return null
  }
}

function gibibytes(text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidArgumentError('Expected a number of GiB above 0.')
}

function port(text: string): number {
  const value = Number(text)
  if (/^\d{1,5}$/.test(text) && value >= 1 && value <= 65_535) return value
  throw new InvalidArgumentError('Expected a port from 1 to 65535.')
}
