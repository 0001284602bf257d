/** The module while it is being decoded: `WasmModule` with lists that grow. */
import type {
  CustomSection,
  DataSegment,
  ElementSegment,
  Export,
  FuncType,
  FunctionBody,
  Global,
  Import,
  MemoryType,
  Section,
  TableType,
  WasmModule,
} from "./types.js";

export class ModuleBuilder {
  readonly types: FuncType[] = [];
  readonly imports: Import[] = [];
  readonly functionTypes: number[] = [];
  readonly tables: TableType[] = [];
  readonly memories: MemoryType[] = [];
  readonly globals: Global[] = [];
  readonly exports: Export[] = [];
  readonly elements: ElementSegment[] = [];
  readonly data: DataSegment[] = [];
  readonly bodies: FunctionBody[] = [];
  readonly customSections: CustomSection[] = [];
  readonly sections: Section[] = [];
  importedFunctionCount = 0;
  importedTableCount = 0;
  importedMemoryCount = 0;
  importedGlobalCount = 0;
  start = -1;
  dataCount = -1;
  firstVectorTypeOffset = -1;

  constructor(readonly bytes: Uint8Array) {}

  /** To be called for each value type outside of function bodies that is `v128`. */
  sawVectorType(byteOffset: number): void {
    if (this.firstVectorTypeOffset < 0) this.firstVectorTypeOffset = byteOffset;
  }

  finish(): WasmModule {
    return { ...this, functionTypes: Uint32Array.from(this.functionTypes) };
  }
}
