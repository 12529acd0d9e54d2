/** Why there is no bucket for these tests; null where there is one. With TEXT2LIVE_REQUIRE_REDIS=1 it throws instead. */
export function missingBucket(): string | null

/** An S3-compatible server of our own, on a port of its own. */
export class BucketServer {
  static start(): Promise<BucketServer>
  /** Of what is asked, the share that gets 503, evenly spread. */
  faults: number
  /** How often it gave that. */
  readonly refused: number
  /** Whether everybody is told that he has no rights. */
  forbidden: boolean
  /** Requests, as 'PUT /bucket/key?...'. */
  seen: string[]
  /** What a program needs in its environment to use it. */
  readonly environment: Readonly<Record<string, string>>
  makeBucket(name: string): Promise<void>
  remove(): Promise<void>
}
