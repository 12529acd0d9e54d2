// A bucket for tests: moto's server, and before it one that answers 503 to some of what it is asked.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './redisServer.mjs'

const program =
  process.env['TEXT2LIVE_MOTO_SERVER'] ?? fileURLToPath(new URL('../../.venv/bin/moto_server', import.meta.url))

export function missingBucket() {
  if (existsSync(program)) return null
  if (process.env['TEXT2LIVE_REQUIRE_REDIS'] === '1')
    throw new Error(`${program} is not there, and TEXT2LIVE_REQUIRE_REDIS asks for it`)
  return `there is no moto_server (pip install 'moto[s3,server]' into .venv)`
}

export class BucketServer {
  #moto
  #port
  #proxy
  /** Of what is asked, the share that gets 503: evenly spread, so that a test sees the same share each time. */
  faults = 0
  refused = 0
  #owed = 0
  /** Whether everybody is told that he has no rights. */
  forbidden = false
  /** Requests by method and path, for tests of what is sent. */
  seen = []

  static async start() {
    const server = new BucketServer()
    await server.#start()
    return server
  }

  async #start() {
    this.#port = await freePort()
    this.#moto = spawn(program, ['-H', '127.0.0.1', '-p', String(this.#port)], {
      stdio: 'ignore',
      env: { ...process.env, MOTO_S3_CUSTOM_ENDPOINTS: '' },
    })
    this.#proxy = createServer((incoming, outgoing) => this.#answer(incoming, outgoing)).listen(0, '127.0.0.1')
    await new Promise((resolve) => this.#proxy.once('listening', resolve))
    for (let tries = 0; ; tries++) {
      const there = await fetch(`http://127.0.0.1:${this.#port}/`).catch(() => null)
      if (there !== null) return
      if (tries === 1200) throw new Error('moto_server does not start')
      await sleep(100)
    }
  }

  #answer(incoming, outgoing) {
    this.seen.push(`${incoming.method} ${incoming.url}`)
    this.#owed += this.faults
    if (this.#owed >= 1) {
      this.#owed--
      this.refused++
      incoming.resume()
      incoming.on('end', () => {
        outgoing.writeHead(503, { 'content-type': 'application/xml' })
        outgoing.end('<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>')
      })
      return
    }
    if (this.forbidden) {
      incoming.resume()
      outgoing.writeHead(403, { 'content-type': 'application/xml' })
      outgoing.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>')
      return
    }
    const passed = request(
      { host: '127.0.0.1', port: this.#port, method: incoming.method, path: incoming.url, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers)
        answer.pipe(outgoing)
      },
    )
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  }

  /** What a program needs in its environment to use it. */
  get environment() {
    return {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${this.#proxy.address().port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    }
  }

  async makeBucket(name) {
    const { status } = await fetch(`http://127.0.0.1:${this.#port}/${name}`, { method: 'PUT' })
    if (status !== 200) throw new Error(`the bucket is not made: ${status}`)
  }

  async remove() {
    this.#proxy.closeAllConnections()
    this.#proxy.close()
    const gone = new Promise((resolve) => this.#moto.once('exit', resolve))
    this.#moto.kill('SIGKILL')
    await gone
  }
}
