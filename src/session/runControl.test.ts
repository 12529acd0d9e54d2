import { expect, test } from 'vitest'
import { heed, passOn, type RunAsk, RunControl } from './runControl.js'

/** A control here, and the run's there, with plain data between them. */
function apart() {
  const [stop, here] = [new AbortController(), new RunControl()]
  const there = { stop: new AbortController(), control: new RunControl() }
  const sent: RunAsk[] = []
  const end = passOn(
    (asked) => {
      sent.push(structuredClone(asked))
      heed(sent.at(-1)!, there)
    },
    stop.signal,
    here,
  )
  return { stop, here, there, sent, end }
}

test('what is asked of a control arrives at the run elsewhere, each thing once', () => {
  const { stop, here, there, sent, end } = apart()
  here.pause()
  here.continueTo(7)
  expect([there.control.held, there.control.steps]).toEqual([true, 7])
  const mask = { name: 'mask.png', bytes: Uint8Array.of(1, 2, 3) }
  here.setMask(mask)
  here.preview()
  here.go()
  expect(there.control.takeMask()).toEqual({ picture: mask })
  expect(there.control.takePreview()).toBe(true)
  expect([there.control.takeMask(), there.control.takePreview(), there.control.held]).toEqual([null, false, false])
  here.setMask(null)
  expect(there.control.takeMask()).toEqual({ picture: null })
  expect(there.stop.signal.aborted).toBe(false)
  stop.abort()
  expect(there.stop.signal.aborted).toBe(true)
  const before = sent.length
  end()
  here.pause()
  expect(sent).toHaveLength(before)
})

test('what was asked before the run was there is passed on when it is', () => {
  const early = new RunControl()
  early.pause()
  early.setMask(null)
  const there = { stop: new AbortController(), control: new RunControl() }
  passOn((asked) => heed(asked, there), AbortSignal.abort(), early)
  expect([there.control.held, there.control.takeMask(), there.stop.signal.aborted]).toEqual([
    true,
    { picture: null },
    true,
  ])
})
