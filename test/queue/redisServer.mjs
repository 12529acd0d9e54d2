// A Redis for tests. JavaScript, since programs that read dist use it too.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'

const program = process.env['TEXT2LIVE_REDIS_SERVER'] ?? 'redis-server'

export function missingRedis() {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return null
  } catch {
    if (process.env['TEXT2LIVE_REQUIRE_REDIS'] === '1')
      throw new Error(`${program} is not installed, and TEXT2LIVE_REQUIRE_REDIS asks for it`)
    return `${program} is not installed (Debian: apt-get install redis-server)`
  }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

export class RedisServer {
  #folder = mkdtempSync(join(tmpdir(), 'text2live-redis-'))
  #flags
  #process = null

  constructor(port, flags) {
    this.port = port
    this.#flags = flags
  }

  static async start(...flags) {
    const server = new RedisServer(await freePort(), flags)
    await server.up()
    return server
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`
  }

  async up() {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder, '--save', '']
    this.#process = spawn(program, [...own, '--appendonly', 'yes', '--appendfsync', 'always', ...this.#flags], {
      stdio: 'ignore',
    })
    const redis = new Redis(this.port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null })
    redis.on('error', () => undefined)
    const answered = redis.ping().catch((error) => {
      // Who must give a password is answered all the same.
      if (!/NOAUTH/.test(String(error))) throw error
    })
    let ended
    const failed = new Promise((_, reject) => {
      ended = (code) => reject(new Error(`${program} ended with ${code} at port ${this.port}`))
      this.#process.once('exit', ended)
    })
    try {
      await Promise.race([answered, failed])
    } finally {
      this.#process.off('exit', ended)
      answered.catch(() => undefined)
      redis.disconnect()
    }
  }

  async down(signal = 'SIGTERM') {
    const child = this.#process
    if (child === null) return
    this.#process = null
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await gone
  }

  async freeze(milliseconds) {
    this.#process?.kill('SIGSTOP')
    await sleep(milliseconds)
    this.#process?.kill('SIGCONT')
  }

  async remove() {
    await this.down('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
