/** Why there is no Redis for these tests; null where there is one. With TEXT2LIVE_REQUIRE_REDIS=1 it throws instead. */
export function missingRedis(): string | null

/** A port that nobody has now. */
export function freePort(): Promise<number>

/** A Redis of our own, on a port of its own, which keeps what it is told in a folder under the temporary one. */
export class RedisServer {
  static start(...flags: string[]): Promise<RedisServer>
  readonly port: number
  readonly url: string
  up(): Promise<void>
  /** @param signal SIGKILL: as a machine that goes out */
  down(signal?: NodeJS.Signals): Promise<void>
  /** Answers nobody for as long, as a machine that hangs. */
  freeze(milliseconds: number): Promise<void>
  remove(): Promise<void>
}
