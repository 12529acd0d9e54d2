import type { Redis } from 'ioredis'

/** Redis with our own steps, each done there at once or not at all. */
export interface QueueRedis extends Redis {
  /**
   * A fencing number for a job whose lock is held: higher than any before, and than `least`.
   * @returns 0 where the lock is not held
   */
  takeFence(fenceKey: string, jobKey: string, lockKey: string, token: string, least: number): Promise<number>
  /**
   * Holds a taken job for another `milliseconds`. A lock that ran out while Redis could not be reached is taken again
   * as long as nobody else took the job.
   * @returns 1; 0 where the job is another's, or nobody's, by now; 2 where it is ours and was cancelled
   */
  holdJob(
    lockKey: string,
    activeKey: string,
    jobKey: string,
    stalledKey: string,
    cancelledKey: string,
    token: string,
    milliseconds: number,
    job: string,
    fence: number,
  ): Promise<0 | 1 | 2>
}

/** A job's fencing number is a field of its own in the hash that BullMQ keeps of it, and goes with that. */
export const scripts = {
  takeFence: {
    numberOfKeys: 3,
    lua: `
      if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
      local fence = redis.call('INCR', KEYS[1])
      if fence <= tonumber(ARGV[2]) then
        fence = tonumber(ARGV[2]) + 1
        redis.call('SET', KEYS[1], fence)
      end
      redis.call('HSET', KEYS[2], 'fence', fence)
      return fence`,
  },
  holdJob: {
    numberOfKeys: 5,
    lua: `
      local held = redis.call('GET', KEYS[1])
      if held and held ~= ARGV[1] then return 0 end
      if not held then
        if redis.call('HGET', KEYS[3], 'fence') ~= ARGV[4] then return 0 end
        if not redis.call('LPOS', KEYS[2], ARGV[3]) then return 0 end
      end
      redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
      redis.call('SREM', KEYS[4], ARGV[3])
      if redis.call('EXISTS', KEYS[5]) == 1 then return 2 end
      return 1`,
  },
} as const
