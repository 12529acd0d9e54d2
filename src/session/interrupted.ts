export { interrupted } from '../engine/stoppable.js'
