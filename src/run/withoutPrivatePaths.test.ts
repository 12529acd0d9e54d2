import { expect, test } from 'vitest'
import { withoutPrivatePaths } from './withoutPrivatePaths.js'

const safe = (text: string): string => withoutPrivatePaths(text, '/work/acme secret', '/home/Jane Doe')

test('what is installed, the working folder and the home folder are named', () => {
  const own = new URL('../../models/starter/model.safetensors', import.meta.url).pathname
  expect(safe(`ENOENT: no such file or directory, open '${own}'`)).toBe(
    "ENOENT: no such file or directory, open '<text2live>/models/starter/model.safetensors'",
  )
  expect(safe("Cannot find module '/home/Jane Doe/app/x.node'")).toBe("Cannot find module '~/app/x.node'")
  expect(safe('failed to open /work/acme secret/out.png')).toBe('failed to open <working folder>/out.png')
  expect(safe('/srv/client-42/node_modules/onnxruntime-node/bin/libonnxruntime.so: cannot open')).toBe(
    '<node_modules>/onnxruntime-node/bin/libonnxruntime.so: cannot open',
  )
  expect(safe('C:\\Users\\jane\\app\\node_modules\\sharp\\x.node')).toBe('<node_modules>\\sharp\\x.node')
})

test('paths of the system say something, and stay', () => {
  expect(safe('libcudart.so.12: cannot open /usr/lib/x86_64-linux-gnu/libcudart.so.12')).toContain('/usr/lib/x86_64')
})
