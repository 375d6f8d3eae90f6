export { catalogue, dataSchema, type EventData, type EventType, eventTypes, isEventType } from "./catalogue.ts";
export { derivedId, type Event, type EventInit, follow, originate, parseEvent, type WireEvent } from "./event.ts";
export { decode, encode, type HttpMessage, type Limits, toStructured } from "./wire.ts";
