import { runOpSuite } from '../../test/ops/opSuite.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

runOpSuite('cpu', () => runtime)
