import { createRequire } from 'node:module'
import type { Redis, RedisOptions } from 'ioredis'
import { Text2LiveError } from '../errors.js'
import { connectionFault } from '../models/node/connectionFault.js'
import { withoutSecrets } from '../models/withoutSecrets.js'
import { protocolVersion } from './protocol.js'
import { scripts, type QueueRedis } from './scripts.js'

/** Where a queue is. */
export interface QueueAddress {
  /** redis://[user:password@]host[:port][/database], or rediss:// for TLS. */
  readonly url: string
  /** Several may be in one Redis; all keys of one begin with its name. */
  readonly name: string
  /** Of the store that holds the files of its jobs, see `OpenedStore`. */
  readonly store: string
}

/** A queue that may be worked with. */
export interface Queue {
  readonly redis: QueueRedis
  readonly name: string
  /** As messages name it: the address without what may be a secret. */
  readonly place: string
  /** What a person should know of this Redis before jobs are given to it. */
  readonly notes: readonly string[]
  close(): void
}

/** Milliseconds. */
const connectPatience = 5_000
const longestReconnect = 2_000

/** The version of this package. */
export const ownVersion = (createRequire(import.meta.url)('../../package.json') as { version: string }).version

/**
 * Connects to a queue, and makes sure that it is one that this program may work with. A queue that is empty becomes one
 * of this version of text2live and of this store.
 * @throws QUEUE_UNREACHABLE, QUEUE_REFUSED, QUEUE_UNSUPPORTED, QUEUE_FOREIGN, QUEUE_VERSION, STORE_MISMATCH,
 *   DEPENDENCY_MISSING, OPTION_INVALID
 */
export async function openQueue({ url, name, store }: QueueAddress): Promise<Queue> {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name))
    throw new Text2LiveError(
      'OPTION_INVALID',
      `Expected letters, digits, "_", "." and "-" as --queue-name, got "${name}".`,
    )
  const place = `${withoutSecrets(url)} (queue "${name}")`
  const options = readUrl(url)
  const Client = await loadPackages()
  const redis = new Client({
    ...options,
    lazyConnect: true,
    connectTimeout: connectPatience,
    // A first connection is made or refused; one that is lost is made again for as long as it takes.
    retryStrategy: (times) => (ready ? Math.min(100 * 2 ** times, longestReconnect) : null),
    maxRetriesPerRequest: null,
    scripts,
  }) as QueueRedis
  let ready = false
  let lastError: Error | null = null
  redis.on('error', (error: Error) => {
    lastError = error
  })
  try {
    await connect(redis)
    const notes = await checkServer(redis, place)
    await mark(redis, name, place, store)
    ready = true
    // A Redis that lost its memory gets jobs again from whoever follows them, and must say again whose they are.
    redis.on('ready', () => {
      markAnew(redis, name, store).catch(() => undefined)
    })
    return { redis, name, place, notes, close: () => redis.disconnect() }
  } catch (error) {
    redis.disconnect()
    throw coded(error, lastError, place, options.host!)
  }
}

function readUrl(url: string): RedisOptions {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch {
    throw notAddress(url)
  }
  const { protocol, hostname, port, username, password, pathname } = parsed
  const database = pathname.replace(/^\//, '')
  if ((protocol !== 'redis:' && protocol !== 'rediss:') || hostname === '' || !/^\d{0,3}$/.test(database))
    throw notAddress(url)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 6379 : Number(port),
    db: Number(database),
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' ? { tls: {} } : {}),
  }
}

const notAddress = (url: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Expected redis://[user:password@]host[:port][/database] or rediss://... as --queue, got "${withoutSecrets(url).replace(/^.*@/, '')}".`,
  )

async function loadPackages(): Promise<typeof Redis> {
  try {
    await import('bullmq')
    return (await import('ioredis')).Redis
  } catch (cause) {
    throw new Text2LiveError(
      'DEPENDENCY_MISSING',
      'A queue (--queue) needs the packages bullmq and ioredis, and they are not there. Install them with: npm install bullmq@6 ioredis@5',
      { cause },
    )
  }
}

/** Also where something listens that never answers. */
async function connect(redis: Redis): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${connectPatience / 1000} s`)), connectPatience)
  })
  try {
    await Promise.race([redis.connect().then(() => redis.ping()), late])
  } finally {
    clearTimeout(timer)
  }
}

/** @returns notes. @throws QUEUE_UNSUPPORTED */
async function checkServer(redis: Redis, place: string): Promise<string[]> {
  const info = await redis.info()
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1]
  // Valkey and others tell the version of Redis that they are like.
  const version = field('redis_version') ?? '0'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < 6 || (major === 6 && minor < 2))
    throw new Text2LiveError(
      'QUEUE_UNSUPPORTED',
      `${place} is Redis ${version}; expected 6.2 or newer, or a Valkey. Update it, or give another with --queue.`,
    )
  const policy = field('maxmemory_policy') ?? 'noeviction'
  if (Number(field('maxmemory') ?? 0) > 0 && policy !== 'noeviction')
    throw new Text2LiveError(
      'QUEUE_UNSUPPORTED',
      `${place} throws away keys when its memory is full (maxmemory-policy ${policy}), jobs too. Set maxmemory-policy noeviction there.`,
    )
  return field('aof_enabled') === '0'
    ? [
        `${place} keeps no append-only file: what waits there may be lost when it ends. Set appendonly yes; or submit the list again then, which does nothing twice.`,
      ]
    : []
}

/** Whose queue it is: the mark is written where there is none, and where no job waits for what it says. */
async function mark(redis: QueueRedis, name: string, place: string, store: string): Promise<void> {
  const markKey = keysOf(name).mark
  let type = await redis.type(markKey)
  if (type === 'none') {
    const foreign = await foreignKey(redis, name)
    // Another process of ours may have made it its queue in between.
    type = await redis.type(markKey)
    if (type === 'none' && foreign !== null) throw foreignQueue(place, foreign)
  }
  if (type !== 'none' && type !== 'hash') throw foreignQueue(place, markKey)
  const own = markOf(store)
  const found = await redis.hgetall(markKey)
  const same = Object.entries(own).every(([field, value]) => found[field] === value)
  if (same) return
  if (type === 'none' || (await isIdle(redis, name))) {
    await redis.hset(markKey, own)
    return
  }
  if (found['protocol'] === undefined || found['version'] === undefined) throw foreignQueue(place, markKey)
  if (found['version'] !== ownVersion || found['protocol'] !== own.protocol)
    throw new Text2LiveError(
      'QUEUE_VERSION',
      `The jobs of ${place} are for text2live ${found['version']} (protocol ${found['protocol']}), and this is ${ownVersion} (protocol ${protocolVersion}), ` +
        `which may train otherwise. Install text2live@${found['version']} here, wait until the queue is empty, or use another --queue-name.`,
    )
  throw new Text2LiveError(
    'STORE_MISMATCH',
    `The files of the jobs of ${place} are in another store than the one given with --store. Give that one, or use another --queue-name.`,
  )
}

const markOf = (store: string) => ({ protocol: String(protocolVersion), version: ownVersion, store })

/** As this process found it, where nobody has marked the queue since. */
async function markAnew(redis: QueueRedis, name: string, store: string): Promise<void> {
  const fields = Object.entries(markOf(store))
  await Promise.all(fields.map(async ([field, value]) => await redis.hsetnx(keysOf(name).mark, field, value)))
}

const foreignQueue = (place: string, key: string): Text2LiveError =>
  new Text2LiveError(
    'QUEUE_FOREIGN',
    `${place} is used by another program, which has the key "${key}" there. Choose a name that nobody has with --queue-name, or another database with redis://host/1.`,
  )

/** Names of what a queue has in Redis besides its lanes, which are queues of BullMQ with its name as their prefix. */
export const keysOf = (name: string) =>
  ({
    /** A hash: whose queue it is. */
    mark: `${name}:text2live`,
    /** A hash: what each lane needs, as JSON. */
    lanes: `${name}:text2live:lanes`,
    /** The last fencing number. */
    fence: `${name}:text2live:fence`,
    /** The channel that cancelled jobs are told on. */
    cancel: `${name}:text2live:cancel`,
    cancelled: (job: string) => `${name}:text2live:cancelled:${job}`,
    lane: (lane: string, what: string) => `${name}:${lane}:${what}`,
  }) as const

/** A key that begins with the name of the queue and is none of ours. */
async function foreignKey(redis: Redis, name: string): Promise<string | null> {
  for (let cursor = '0'; ;) {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${name}:*`, 'COUNT', 1000)
    const foreign = keys.find((key) => !key.startsWith(`${name}:text2live`))
    if (foreign !== undefined) return foreign
    if (next === '0') return null
    cursor = next
  }
}

/** Does no job wait, and is none worked on? */
async function isIdle(redis: QueueRedis, name: string): Promise<boolean> {
  const keys = keysOf(name)
  for (const lane of await redis.hkeys(keys.lanes)) {
    const counts = await Promise.all([
      redis.llen(keys.lane(lane, 'wait')),
      redis.llen(keys.lane(lane, 'active')),
      redis.zcard(keys.lane(lane, 'prioritized')),
      redis.zcard(keys.lane(lane, 'delayed')),
    ])
    if (counts.some((count) => count > 0)) return false
  }
  return true
}

/** What went wrong before the queue could be used, as an error that a person can act on. */
function coded(error: unknown, connection: Error | null, place: string, host: string): unknown {
  if (!(error instanceof Error) || error instanceof Text2LiveError) return error
  const refused = /WRONGPASS|NOAUTH|NOPERM|password/i
  // What a command met when its connection was closed says less than why it was closed.
  const said = refused.test(error.message) || connection === null ? error : connection
  if (refused.test(said.message))
    return new Text2LiveError(
      'QUEUE_REFUSED',
      `${place} lets this program not in (${said.message}). Give user and password in --queue, or in the variable TEXT2LIVE_QUEUE, where nobody sees them.`,
      { cause: said },
    )
  const fault = connectionFault(host, { cause: said }, null)
  const why =
    fault.kind === 'refused'
      ? fault.message
      : `it cannot be talked with (${said.message}). Start it, or correct the address`
  return new Text2LiveError('QUEUE_UNREACHABLE', `Expected a Redis at ${place}, and ${why}.`, { cause: said })
}
