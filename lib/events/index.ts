export { catalogue, dataSchema, type EventData, type EventType, eventTypes, isEventType } from "./catalogue.ts";
export { derivedId, type Event, type EventInit, follow, originate, parseEvent, type WireEvent } from "./event.ts";
export { fromStructured, parseData, toStructured } from "./structured.ts";
export { inTrace, originTrace, parseTrace, type TraceContext, traceAttributes } from "./trace.ts";
export { decode, type EncodedMessage, encode, type HttpMessage } from "./wire.ts";
