import { defineConfig } from 'vitest/config'

/** `npm test`, and by `npm run test:long` what takes minutes: the same behaviours on another engine or clip. */
export default defineConfig(({ mode }) => ({
  test: {
    include:
      mode === 'long' ? ['test/**/*.long.ts'] : ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts'],
    testTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
}))
