import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { pathInside } from './checkFolder.js'

test('a name that no file can have is refused with a code', () => {
  expect(() => pathInside(tmpdir(), `${'x'.repeat(400)}.png`, 'photo')).toThrow(
    expect.objectContaining({
      code: 'RUN_INVALID',
      message: expect.stringContaining('ENAMETOOLONG') as string,
    }) as Error,
  )
})
