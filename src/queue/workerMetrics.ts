import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { Text2LiveError } from '../errors.js'
import type { WorkerEvent } from './worker.js'

const results = ['finished', 'failed', 'cancelled', 'gave-back', 'lost'] as const

/** What a worker did, counted for who watches many of them. */
export class WorkerMetrics {
  readonly #isConnected: () => boolean
  readonly #results = new Map<string, number>(results.map((result) => [result, 0]))
  #working = false
  #steps = 0
  #stepSeconds = 0
  #delays = 0

  /** @param isConnected whether the queue can be reached now */
  constructor(isConnected: () => boolean) {
    this.#isConnected = isConnected
  }

  count(event: WorkerEvent): void {
    if (event.type === 'took') this.#working = true
    else if (event.type === 'delayed') this.#delays++
    else if (event.type !== 'run') {
      this.#working = false
      this.#results.set(event.type, (this.#results.get(event.type) ?? 0) + 1)
    } else if (event.event.type === 'step') {
      this.#steps++
      this.#stepSeconds += event.event.seconds
    }
  }

  /** In the text format of Prometheus. */
  text(): string {
    const line = (name: string, type: string, help: string, values: readonly (readonly [string, number])[]): string =>
      [
        `# HELP text2live_worker_${name} ${help}`,
        `# TYPE text2live_worker_${name} ${type}`,
        ...values.map(([labels, value]) => `text2live_worker_${name}${labels} ${value}`),
      ].join('\n')
    return `${[
      line('jobs_total', 'counter', 'Jobs by how they ended here.', [
        ...[...this.#results].map(([result, count]) => [`{result="${result}"}`, count] as const),
      ]),
      line('working', 'gauge', 'Whether a job is in hand.', [['', Number(this.#working)]]),
      line('steps_total', 'counter', 'Training steps.', [['', this.#steps]]),
      line('step_seconds_total', 'counter', 'Seconds that training steps took.', [['', this.#stepSeconds]]),
      line('delays_total', 'counter', 'Times that the queue or the store did not answer.', [['', this.#delays]]),
      line('queue_connected', 'gauge', 'Whether the queue can be reached.', [['', Number(this.#isConnected())]]),
      line('resident_memory_bytes', 'gauge', 'Memory of the process, without that of its training.', [
        ['', process.memoryUsage.rss()],
      ]),
    ].join('\n')}\n`
  }

  get healthy(): boolean {
    return this.#isConnected()
  }
}

/** Names of this machine's own; others are of pages that had their name point here. */
const ownNames = /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/

/**
 * Serves /metrics (Prometheus) and /healthz (200 while the queue can be reached, 503 else) to this machine alone.
 * @throws ADDRESS_UNAVAILABLE
 */
export async function serveMetrics(metrics: WorkerMetrics, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
      response.end(text)
    }
    if (!ownNames.test(request.headers.host ?? '')) answer(403, 'not this machine\n')
    else if (request.url === '/metrics') answer(200, metrics.text())
    else if (request.url === '/healthz') answer(metrics.healthy ? 200 : 503, metrics.healthy ? 'ok\n' : 'no queue\n')
    else answer(404, 'nothing here but /metrics and /healthz\n')
  })
  server.listen({ host: '127.0.0.1', port })
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new Text2LiveError(
      'ADDRESS_UNAVAILABLE',
      `Port ${port} is taken, or may not be used (${(cause as NodeJS.ErrnoException).code ?? String(cause)}). Choose another with --metrics.`,
      { cause },
    )
  }
  server.unref()
  return server
}
