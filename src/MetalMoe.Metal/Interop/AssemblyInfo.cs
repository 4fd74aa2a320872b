using System.Runtime.CompilerServices;

// Every signature is blittable or marshalled by generated code.
[assembly: DisableRuntimeMarshalling]
