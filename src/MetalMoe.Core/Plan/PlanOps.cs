using MetalMoe.Core.Tensors;

namespace MetalMoe.Core.Plan;

/// <summary>
/// One operation of a plan, at the granularity the hardware wants fused. Shapes use the letters
/// of the README: T tokens, D embedding, H/G query/kv heads, K head dimension, E experts,
/// A active experts, F expert width, V vocabulary.
/// </summary>
/// <param name="Name">Where in the model, for example <c>blk.3.ffn_down</c>.</param>
public abstract record PlanOp(string Name);

/// <summary>Output [T, D] = rows of Table [V, D] picked by the step's token ids.</summary>
public sealed record EmbedTokens(string Name, Weight Table, BufferId Output) : PlanOp(Name);

/// <summary>Output = Input * rsqrt(mean(Input^2) + Epsilon) * Gamma, per row of [T, D].</summary>
public sealed record RmsNorm(
    string Name, BufferId Input, Weight Gamma, float Epsilon, BufferId Output) : PlanOp(Name);

/// <summary>One weight of a stacked <see cref="Linear"/>: writes [T, Matrix.Rows].</summary>
public sealed record LinearPart(Weight Matrix, BufferId Output);

/// <summary>
/// Output_i = Matrix_i * Input for every part (they share the input row);
/// with <paramref name="Residual"/> each output is added to the residual row instead:
/// Output = Residual + Matrix * Input (the two may be the same buffer).
/// </summary>
public sealed record Linear(
    string Name, BufferId Input, IReadOnlyList<LinearPart> Parts, BufferId? Residual)
    : PlanOp(Name);

/// <summary>
/// Rotary embedding of the first <paramref name="Dimensions"/> values of a head, NeoX pairs
/// (i, i + Dimensions/2), angle = position * Base^(-2i/Dimensions).
/// </summary>
public sealed record RopeParameters(int Dimensions, float Base);

/// <summary>
/// Per-head RMS norm of queries and keys, rotary embedding, and the write of keys and values to
/// cache <paramref name="CacheIndex"/>. QueryGate rows hold per head [q (K) | gate (K)];
/// Query [T, H*K] receives normed, rotated q; the gate stays where it is.
/// </summary>
public sealed record AttentionPrep(
    string Name, BufferId QueryGate, BufferId Key, BufferId Value, Weight QueryNorm,
    Weight KeyNorm, float Epsilon, RopeParameters Rope, int HeadCount, int CacheIndex,
    BufferId Query) : PlanOp(Name);

/// <summary>
/// Causal attention over the cache, softmax(Scale * q k), query head h reads kv head h / (H/G);
/// Output [T, H*K] = attention * sigmoid(gate), the gate read from QueryGate.
/// </summary>
public sealed record Attention(
    string Name, BufferId Query, BufferId QueryGate, int HeadCount, float Scale, int CacheIndex,
    BufferId Output) : PlanOp(Name);

/// <summary>
/// Causal depthwise convolution over the channels q (Kh heads) | k (Kh) | v (Vh) of Input,
/// then SiLU, then L2 norm of each q and k head (x * rsqrt(sum x^2 + eps)), q scaled by
/// 1/sqrt(KeyDim). Reads and updates the last rows in recurrent state StateIndex.
/// </summary>
public sealed record GdnConv(
    string Name, BufferId Input, Weight Kernel, float Epsilon, int KeyHeads, int StateIndex,
    BufferId Output) : PlanOp(Name);

/// <summary>
/// Gated delta rule per value head h with key head h % KeyHeads:
/// S *= exp(g); d = beta*(v - S^T k); S += k d^T; o = S^T q, where beta = sigmoid(Beta) and
/// g = A * softplus(Alpha + DtBias); then Output = RmsNorm(o; Norm) * SiLU(Gate).
/// </summary>
public sealed record GdnScan(
    string Name, BufferId Qkv, BufferId Alpha, BufferId Beta, Weight A, Weight DtBias,
    BufferId Gate, Weight Norm, float Epsilon, int KeyHeads, int StateIndex, BufferId Output)
    : PlanOp(Name);

/// <summary>
/// p = softmax(Router * Input) over E; the top A ids (largest first, lower id on a tie) and
/// p / sum(top p) * Scale. With SharedGate [D]: SharedScale [T, 1] = sigmoid(SharedGate . Input).
/// </summary>
public sealed record Route(
    string Name, BufferId Input, Weight Router, float Scale, BufferId ExpertIds,
    BufferId ExpertWeights, Weight? SharedGate, BufferId? SharedScale) : PlanOp(Name);

/// <summary>
/// A stack of E expert matrices: expert e owns rows
/// [e * RowsPerExpert + RowOffset, ... + Rows) of Matrix. Gate and up may lie in one tensor.
/// </summary>
public sealed record ExpertStack(Weight Matrix, int RowsPerExpert, int RowOffset, int Rows);

/// <summary>Gate and up matrix of the shared expert, each [Fs, D].</summary>
public sealed record SharedGateUp(Weight Gate, Weight Up, BufferId Output);

/// <summary>
/// Output [T, A*F] = SiLU(gate_e x) * up_e x for the A chosen experts of every token, and the
/// shared expert's [T, Fs] in the same launch.
/// </summary>
public sealed record MoeGateUp(
    string Name, BufferId Input, BufferId ExpertIds, ExpertStack Gate, ExpertStack Up,
    BufferId Output, SharedGateUp? Shared) : PlanOp(Name);

/// <summary>Down matrix [D, Fs] of the shared expert, its hidden rows and its scale [T, 1].
/// </summary>
public sealed record SharedDown(Weight Matrix, BufferId Hidden, BufferId? Scale);

/// <summary>
/// Residual [T, D] += sum_a ExpertWeights[a] * down_a hidden_a (in rank order, then the shared
/// expert times its scale).
/// </summary>
public sealed record MoeDown(
    string Name, BufferId Hidden, BufferId ExpertIds, BufferId ExpertWeights, ExpertStack Down,
    SharedDown? Shared, BufferId Residual) : PlanOp(Name);

/// <summary>Output [T, F] = SiLU(Gate x) * (Up x): the dense feed-forward's first half.</summary>
public sealed record DenseGateUp(
    string Name, BufferId Input, Weight Gate, Weight Up, BufferId Output) : PlanOp(Name);

/// <summary>
/// logits [R, V] = Head * RmsNorm(Input row; Gamma) for the R rows of the step that ask for
/// logits; the other rows are not computed.
/// </summary>
public sealed record LmHead(
    string Name, BufferId Input, Weight Gamma, float Epsilon, Weight Head) : PlanOp(Name);
