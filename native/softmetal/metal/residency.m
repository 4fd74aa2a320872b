#import "objects.h"

@implementation MTLResidencySetDescriptor

- (void)dealloc {
    [_label release];
    [super dealloc];
}

- (id)copyWithZone:(NSZone *)zone {
    MTLResidencySetDescriptor *copy = [[MTLResidencySetDescriptor allocWithZone:zone] init];
    [copy setLabel:_label];
    [copy setInitialCapacity:_initialCapacity];
    return copy;
}

- (NSString *)label {
    return _label;
}

- (void)setLabel:(NSString *)label {
    NSString *copy = [label copy];
    [_label release];
    _label = copy;
}

- (NSUInteger)initialCapacity {
    return _initialCapacity;
}

- (void)setInitialCapacity:(NSUInteger)initialCapacity {
    _initialCapacity = initialCapacity;
}

@end

// Memory is always resident here: the set only keeps its books, so that its use can be tested.
@implementation SoftMetalResidencySet

- (id)initWithDescriptor:(MTLResidencySetDescriptor *)descriptor {
    if (!(self = [super init])) return nil;
    [self setLabel:[descriptor label]];
    _allocations = [[NSMutableArray alloc] init];
    return self;
}

- (void)dealloc {
    [_allocations release];
    [super dealloc];
}

- (uint64_t)allocatedSize {
    uint64_t bytes = 0;
    for (id<MTLAllocation> allocation in _allocations) bytes += [allocation allocatedSize];
    return bytes;
}

- (NSUInteger)allocationCount {
    return _committed;
}

- (void)requestResidency {
}

- (void)endResidency {
}

- (void)addAllocation:(id<MTLAllocation>)allocation {
    if (![self containsAllocation:allocation]) [_allocations addObject:allocation];
}

- (void)removeAllocation:(id<MTLAllocation>)allocation {
    [_allocations removeObjectIdenticalTo:allocation];
}

- (void)removeAllAllocations {
    [_allocations removeAllObjects];
}

- (BOOL)containsAllocation:(id<MTLAllocation>)anAllocation {
    return [_allocations indexOfObjectIdenticalTo:anAllocation] != NSNotFound;
}

- (void)commit {
    _committed = [_allocations count];
}

@end
