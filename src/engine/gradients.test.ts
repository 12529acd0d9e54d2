import { runAdjointSuite } from '../../test/ops/adjointSuite.js'
import { createNodeRuntime } from './node/createNodeRuntime.js'

const runtime = createNodeRuntime({ device: 'cpu', threads: 2 })

runAdjointSuite('cpu', () => runtime, 12)
